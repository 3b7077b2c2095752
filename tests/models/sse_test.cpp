#include "models/sse.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace relevo {
namespace {

using Events = std::vector<std::string>;

Events parse(std::string_view bytes, std::size_t piece) {
    Events events;
    SseParser parser([&](std::string_view data) { events.emplace_back(data); });
    for (std::size_t at = 0; at < bytes.size(); at += piece) CHECK(parser.feed(bytes.substr(at, piece)));
    parser.finish();
    return events;
}

}  // namespace

TEST_CASE("the same events come out wherever the bytes are cut and whatever ends the lines") {
    const std::string lines =
        "\xEF\xBB\xBF"
        "data: {\"a\":1}\n\n: keep-alive\n\nevent: message\nid: 7\ndata:no space\ndata:  two\n\n"
        "retry: 10\n\ndata\n\ndatax: no\n\ndata: ñandú\n\ndata: [DONE]\n\n";
    const Events expected{"{\"a\":1}", "no space\n two", "ñandú", "[DONE]"};
    for (const std::string_view ending : {"\n", "\r\n", "\r"}) {
        std::string bytes;
        for (const char c : lines) bytes += c == '\n' ? std::string(ending) : std::string(1, c);
        for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
            CAPTURE(piece);
            CHECK(parse(bytes, piece) == expected);
        }
    }
}

TEST_CASE("an event is given with its blank line, not later") {
    Events events;
    SseParser parser([&](std::string_view data) { events.emplace_back(data); });
    parser.feed("data: a\r\n\r");
    CHECK(events == Events{"a"});
    parser.feed("\ndata: b\n\n");
    CHECK(events == Events{"a", "b"});
}

TEST_CASE("the last event counts although the server closed before its blank line") {
    CHECK(parse("data: a\n\ndata: [DONE]", 3) == Events{"a", "[DONE]"});
    CHECK(parse("data: a\n\ndata: b\n", 100) == Events{"a", "b"});
}

TEST_CASE("an event that never ends is given up, not kept") {
    Events events;
    SseParser parser([&](std::string_view data) { events.emplace_back(data); });
    const std::string piece(SseParser::max_event_bytes / 4, 'x');
    CHECK(parser.feed("data: "));
    CHECK(parser.feed(piece));
    CHECK(parser.feed(piece));
    CHECK(parser.feed(piece));
    CHECK_FALSE(parser.feed(piece));
    CHECK_FALSE(parser.feed("\n\ndata: a\n\n"));
    parser.finish();
    CHECK(events.empty());
}

}  // namespace relevo
