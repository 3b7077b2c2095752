#include "http/static_files.hpp"

#include <fstream>
#include <iterator>

#include "core/ids.hpp"

namespace relevo {
namespace {

namespace fs = std::filesystem;

// All of it stays in memory.
constexpr std::size_t max_bytes = 16 << 20;

std::string content_type(const fs::path& file) {
    static const std::map<std::string, std::string, std::less<>> types = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".map", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".webp", "image/webp"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".txt", "text/plain; charset=utf-8"},
    };
    const auto found = types.find(file.extension().string());
    return found == types.end() ? "application/octet-stream" : found->second;
}

[[noreturn]] void fail(const fs::path& file, std::string_view what) {
    throw Failure({Fault::permanent, "http.static_files", file.string() + ": " + std::string(what)});
}

bool hidden(const fs::path& relative) {
    for (const auto& part : relative) {
        if (part.string().starts_with('.')) return true;
    }
    return false;
}

}  // namespace

StaticFiles::StaticFiles(const fs::path& folder, HttpHeaders headers) : headers_(std::move(headers)) {
    std::error_code error;
    for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
        const auto relative = at->path().lexically_relative(folder);
        if (at->is_regular_file(error) && !hidden(relative)) add(relative.generic_string(), at->path());
    }
    if (error) fail(folder, error.message());
}

void StaticFiles::add(const std::string& name, const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) fail(path, "cannot be read");
    File file;
    file.body.assign(std::istreambuf_iterator<char>(in), {});
    file.content_type = content_type(path);
    file.etag = '"' + format_uuid(hash_uuid("file", {file.body})) + '"';
    bytes_ += file.body.size();
    if (bytes_ > max_bytes) fail(path, "more than 16 MiB of static files");
    files_[name] = std::move(file);
}

HttpResponse StaticFiles::serve(const HttpRequest& request, std::string_view name) const {
    std::string wanted(name);
    if (wanted.empty() || wanted.ends_with('/')) wanted += "index.html";
    const auto found = files_.find(wanted);
    if (found == files_.end()) return error_response(404, "http.unknown_path", "nothing is here");
    const auto& file = found->second;
    HttpResponse response{.content_type = file.content_type, .headers = headers_};
    response.headers.emplace_back("ETag", file.etag);
    response.headers.emplace_back("Cache-Control", "no-cache");
    if (request.header("If-None-Match").find(file.etag) != std::string_view::npos) {
        response.status = 304;
    } else {
        response.body = file.body;
    }
    return response;
}

}  // namespace relevo
