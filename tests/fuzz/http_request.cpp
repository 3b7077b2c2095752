#include <boost/asio/co_spawn.hpp>
#include <charconv>
#include <optional>
#include <vector>

#include "core/log.hpp"
#include "http/connection.hpp"
#include "http/strict_head.hpp"
#include "tests/fuzz/socket_pair.hpp"

using namespace relevo;
using namespace relevo::fuzz;
namespace asio = boost::asio;

namespace {

struct Outcome {
    std::vector<std::string> handled;
    std::string answers;
    bool operator==(const Outcome&) const = default;
};

std::string name_of(std::string_view method, std::string_view target, std::string_view body) {
    return std::string(method) + " " + std::string(target) + "\n" + std::string(body);
}

Outcome serve(std::string_view bytes, std::size_t cut) {
    asio::io_context io{1};
    Outcome outcome;
    auto serving = std::make_shared<Serving>();
    serving->limits.max_head_bytes = 1'000;
    serving->limits.max_body_bytes = 2'000;
    serving->handler = [&](HttpRequest request) -> Task<HttpResponse> {
        outcome.handled.push_back(name_of(request.method, request.target, request.body));
        co_return HttpResponse{.body = request.body, .headers = {}};
    };
    bool ended = false;
    SocketPair pair;
    auto serve_one = serve_connection(pair.give(io), serving, std::make_shared<OpenConnection>());
    asio::co_spawn(io, std::move(serve_one), [&](std::exception_ptr error) {
        require(!error, "a connection ends without an exception");
        ended = true;
    });
    outcome.answers = pair.converse(io, bytes, cut, [&] { return ended; });
    require(serving->bodies_bytes == 0, "no body is counted for ever");
    require(serving->idle.empty(), "no connection waits for ever");
    return outcome;
}

std::optional<std::string_view> take(std::string_view& bytes, std::size_t count) {
    if (bytes.size() < count) return std::nullopt;
    const auto out = bytes.substr(0, count);
    bytes.remove_prefix(count);
    return out;
}

std::optional<std::string_view> take_line(std::string_view& bytes) {
    const auto end = bytes.find("\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    const auto line = take(bytes, end);
    bytes.remove_prefix(2);
    return line;
}

/// A chunked body, read as strictly as it can be: RFC 9112, 7.1.
std::optional<std::string> take_chunks(std::string_view& bytes) {
    std::string body;
    while (true) {
        const auto line = take_line(bytes);
        if (!line) return std::nullopt;
        std::size_t size = 0;
        const auto [end, error] = std::from_chars(line->data(), line->data() + line->size(), size, 16);
        const auto after = static_cast<std::size_t>(end - line->data());
        if (error != std::errc() || (after < line->size() && (*line)[after] != ';' && (*line)[after] != ' ' &&
                                     (*line)[after] != '\t')) {
            return std::nullopt;
        }
        if (size == 0) break;
        const auto chunk = take(bytes, size);
        const auto empty = chunk ? take_line(bytes) : std::nullopt;
        if (!empty || !empty->empty()) return std::nullopt;
        body += *chunk;
    }
    while (true) {  // trailers
        const auto line = take_line(bytes);
        if (!line) return std::nullopt;
        if (line->empty()) return body;
    }
}

/// The requests that a plain reading finds, up to the first that is not whole or not plain.
std::vector<std::string> plain_reading(std::string_view bytes) {
    std::vector<std::string> requests;
    while (const auto end = end_of_head(bytes)) {
        const auto head = *take(bytes, *end);
        if (head_fault(head)) break;
        const auto first_space = head.find(' ');
        const auto second_space = head.find(' ', first_space + 1);
        std::string lower(head);
        for (auto& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        std::optional<std::string> body = "";
        const auto length = lower.find("\r\ncontent-length:");
        if (length != std::string::npos) {
            const auto digits = lower.find_first_of("0123456789", length);
            const auto whole = take(bytes, std::stoull(lower.substr(digits)));
            body = whole ? std::optional(std::string(*whole)) : std::nullopt;
        } else if (lower.find("\r\ntransfer-encoding:") != std::string::npos) {
            body = take_chunks(bytes);
        }
        if (!body) break;
        requests.push_back(name_of(head.substr(0, first_space),
                                   head.substr(first_space + 1, second_space - first_space - 1), *body));
    }
    return requests;
}

}  // namespace

/// How the bytes are cut, and what a client says on one connection.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    set_log_level(LogLevel::error);
    Input input(text_of(data, size));
    const std::size_t cut = 1 + input.byte();
    const auto bytes = input.rest().substr(0, 8'000);
    const auto whole = serve(bytes, bytes.size() + 1);
    require(whole == serve(bytes, cut), "requests do not depend on how their bytes were cut");
    const auto plain = plain_reading(bytes);
    require(whole.handled.size() <= plain.size(), "no request is found where a plain reading finds none");
    for (std::size_t i = 0; i < whole.handled.size(); ++i) {
        require(whole.handled[i] == plain[i], "a request is what a plain reading finds");
    }
    return 0;
}
