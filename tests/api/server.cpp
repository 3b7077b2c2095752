#include "tests/api/server.hpp"

#include <fmt/format.h>

#include <cctype>
#include <sstream>

namespace relevo::testing {
namespace {

std::vector<std::string> parts_of(const std::string& path) {
    std::vector<std::string> parts;
    std::istringstream in(path);
    for (std::string part; std::getline(in, part, '/');) parts.push_back(part);
    return parts;
}

bool names(const std::string& pattern, const std::string& path) {
    const auto wanted = parts_of(pattern);
    const auto is = parts_of(path);
    return std::ranges::equal(
        wanted, is, [](const std::string& a, const std::string& b) { return a.starts_with('{') || a == b; });
}

const ApiOperation* operation_of(const ApiDocument& document, const HttpRequest& request) {
    const ApiOperation* found = nullptr;
    for (const auto& operation : document.operations()) {
        if (operation.method != request.method || !names(operation.path, request.path)) continue;
        if (!found || operation.path == request.path) found = &operation;
    }
    return found;
}

std::string escaped(std::string text) {
    for (std::size_t at = 0; (at = text.find('/', at)) != text.npos; at += 2) text.replace(at, 1, "~1");
    return text;
}

}  // namespace

std::string misfit(const ApiDocument& document, const HttpRequest& request, const HttpResponse& answer) {
    std::string pointer = "/components/schemas/Problem";
    if (const auto* operation = operation_of(document, request)) {
        if (!operation->statuses.contains(answer.status)) {
            return fmt::format("{} is not documented: {}", answer.status, answer.body);
        }
        std::string method = operation->method;
        for (char& c : method) c = static_cast<char>(std::tolower(c));
        if (answer.status < 300) {
            if (answer.status == 204) return answer.body.empty() ? "" : "a 204 with a body";
            pointer = fmt::format("/paths/{}/{}/responses/{}/content/{}/schema", escaped(operation->path),
                                  method, answer.status, escaped(answer.content_type));
        }
    }
    const bool json = answer.content_type.ends_with("json") && !answer.content_type.ends_with("ndjson");
    if (!json) return {};
    if (answer.status >= 400 && answer.content_type != "application/problem+json")
        return "no problem document";
    const auto sent = SentJson::parse(answer.body);
    if (!sent) return sent.error().text;
    static std::map<std::string, Shape> shapes;
    auto shape = shapes.find(pointer);
    if (shape == shapes.end()) shape = shapes.emplace(pointer, document.shape(pointer)).first;
    const auto flaw = shape->second.judge(*sent);
    return flaw ? fmt::format("{} {} in {}", flaw->pointer, flaw->text, answer.body) : std::string();
}

}  // namespace relevo::testing
