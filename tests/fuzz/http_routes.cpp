#include <boost/asio/co_spawn.hpp>
#include <filesystem>
#include <fstream>
#include <optional>

#include "http/router.hpp"
#include "http/static_files.hpp"
#include "tests/fuzz/target.hpp"

using namespace relevo;
using namespace relevo::fuzz;
namespace asio = boost::asio;

namespace {

/// A folder with one file, beside a secret.
StaticFiles make_files() {
    const auto folder =
        std::filesystem::temp_directory_path() / ("fuzz_routes_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder / "public");
    std::ofstream(folder / "secret.txt") << "secret";
    std::ofstream(folder / "public" / "index.html") << "page";
    StaticFiles files(folder / "public");
    std::filesystem::remove_all(folder);
    return files;
}

HttpResponse told(std::string body) {
    return {.body = std::move(body), .headers = {}};
}

Router make_router() {
    static const StaticFiles files = make_files();
    Router router;
    for (const auto* method : {"GET", "POST"}) {
        router.add(
            method, "/webhooks/{channel}/{key}", [](HttpRequest, PathParams params) -> Task<HttpResponse> {
                require(params.size() == 2, "each name has a value");
                for (const auto& [name, value] : params) {
                    require(!value.empty() && value.find('\0') == std::string::npos, "a part is a text");
                }
                co_return told(params["channel"]);
            });
    }
    router.add("GET", "/healthz",
               [](HttpRequest, PathParams) -> Task<HttpResponse> { co_return told("ok"); });
    router.add("GET", "/widget/{name...}", [](HttpRequest request, PathParams params) -> Task<HttpResponse> {
        auto response = files.serve(request, params["name"]);
        require(response.status == 404 || response.status == 304 || response.body == "page",
                "only what is public");
        co_return response;
    });
    return router;
}

std::string encoded(std::string_view text) {
    std::string out;
    for (const char c : text) {
        constexpr auto hex = "0123456789abcdef";
        const auto byte = static_cast<unsigned char>(c);
        out += {'%', hex[byte >> 4], hex[byte & 15]};
    }
    return out;
}

}  // namespace

/// A request's target, split as the server does it.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Router router = make_router();
    const auto text = text_of(data, size);
    HttpRequest request;
    request.method = size % 3 == 0 ? "POST" : size % 3 == 1 ? "GET" : "HEAD";
    request.target = std::string(text);
    request.path = request.target.substr(0, request.target.find_first_of("?#"));
    for (const auto* name : {"hub.verify_token", "sid", ""}) request.query(name);
    asio::io_context io;
    std::optional<HttpResponse> response;
    auto handling = router.handle(request);
    asio::co_spawn(io, std::move(handling), [&](std::exception_ptr error, HttpResponse got) {
        require(!error, "no path is an exception");
        response = std::move(got);
    });
    io.run();
    require(response.has_value(), "every path is answered");
    const int status = response->status;
    require(status == 200 || status == 404 || status == 405 || status == 304,
            "a path is known, or it is not");

    HttpRequest query;
    query.target = "/?a=1&" + encoded(text) + "=" + encoded(text) + "&b";
    if (text != "a" && text != "b") require(query.query(text) == text, "a query's value is itself");
    return 0;
}
