#include "http/static_files.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <fstream>

namespace relevo {
namespace {

namespace fs = std::filesystem;

class Folder {
  public:
    Folder() : path_(fs::temp_directory_path() / ("relevo_static_" + std::to_string(::getpid()))) {
        fs::create_directories(path_ / "site/js");
        write("secret.txt", "secret");
        write("site/index.html", "<html>");
        write("site/js/app.js", "app()");
        write("site/.hidden", "hidden");
    }
    ~Folder() { fs::remove_all(path_); }
    fs::path site() const { return path_ / "site"; }
    fs::path outside() const { return path_ / "secret.txt"; }

  private:
    void write(const std::string& name, const std::string& text) { std::ofstream(path_ / name) << text; }
    fs::path path_;
};

std::string_view header(const HttpResponse& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
        if (key == name) return value;
    }
    return {};
}

}  // namespace

TEST_CASE("a file comes with its type and the folder's headers") {
    const Folder folder;
    const StaticFiles files(folder.site(), {{"Content-Security-Policy", "default-src 'self'"}});
    const auto script = files.serve({}, "js/app.js");
    CHECK(script.status == 200);
    CHECK(script.body == "app()");
    CHECK(script.content_type == "text/javascript; charset=utf-8");
    CHECK(header(script, "Content-Security-Policy") == "default-src 'self'");
    CHECK(files.serve({}, "").body == "<html>");
}

TEST_CASE("nothing outside of the folder, and nothing hidden in it, is served") {
    const Folder folder;
    const StaticFiles files(folder.site());
    for (const auto* name :
         {"../secret.txt", "js/../../secret.txt", "/etc/passwd", ".hidden", "js", "none"}) {
        CAPTURE(name);
        CHECK(files.serve({}, name).status == 404);
    }
}

TEST_CASE("a client that has the file already is told so") {
    const Folder folder;
    const StaticFiles files(folder.site());
    const auto etag = std::string(header(files.serve({}, "index.html"), "ETag"));
    HttpRequest again;
    again.headers = {{"If-None-Match", etag}};
    const auto response = files.serve(again, "index.html");
    CHECK(response.status == 304);
    CHECK(response.body.empty());
}

TEST_CASE("a file from elsewhere can be added by name, and a missing folder is an error") {
    const Folder folder;
    StaticFiles files(folder.site());
    files.add("added.txt", folder.outside());
    CHECK(files.serve({}, "added.txt").body == "secret");
    CHECK_THROWS_AS(StaticFiles(folder.site() / "missing"), Failure);
}

}  // namespace relevo
