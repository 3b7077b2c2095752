#include "http/engine_session.hpp"

#include <doctest/doctest.h>

namespace relevo {
namespace {

using Transport = EngineSession::Transport;
using std::chrono::seconds;

const EngineSession::Time start{};

EngineSession opened(Transport transport, EngineLimits limits = {}) {
    EngineSession session("s1", transport, limits, start);
    if (transport == Transport::polling) {
        session.begin_poll();
        session.take_poll_answer();
    } else {
        session.take_frame();
    }
    return session;
}

}  // namespace

TEST_CASE("the first answer opens the session and says what the client must know") {
    EngineSession session("s1", Transport::polling, {}, start);
    REQUIRE(session.begin_poll());
    CHECK(
        session.take_poll_answer() ==
        R"(0{"sid":"s1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000})");

    EngineSession direct("s2", Transport::websocket, {}, start);
    CHECK(direct.take_frame() ==
          R"(0{"sid":"s2","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000})");
}

TEST_CASE("a poll waits until there is something, then takes all of it") {
    auto session = opened(Transport::polling);
    REQUIRE(session.begin_poll());
    CHECK_FALSE(session.take_poll_answer());
    session.send("2[\"a\"]");
    session.send("2[\"b\"]");
    CHECK(session.has_output());
    CHECK(session.take_poll_answer() ==
          "42[\"a\"]\x1e"
          "42[\"b\"]");
    CHECK_FALSE(session.has_output());
}

TEST_CASE("a poll's answer stays below the payload limit, the rest waits for the next one") {
    EngineLimits limits;
    limits.max_payload = 10;
    auto session = opened(Transport::polling, limits);
    session.send("12345");
    session.send("67890");
    session.begin_poll();
    CHECK(session.take_poll_answer() == "412345");
    session.begin_poll();
    CHECK(session.take_poll_answer() == "467890");
}

TEST_CASE("two polls at once end the session") {
    auto session = opened(Transport::polling);
    REQUIRE(session.begin_poll());
    CHECK_FALSE(session.begin_poll());
    CHECK(session.closed() == "overlapping polls");
    CHECK(session.take_poll_answer() == "1");
}

TEST_CASE("the server pings, and a pong keeps the session open") {
    auto session = opened(Transport::websocket);
    session.tick(start + seconds(24));
    CHECK_FALSE(session.take_frame());
    session.tick(start + seconds(25));
    CHECK(session.take_frame() == "2");
    session.receive_frame("3", start + seconds(26));
    session.tick(start + seconds(50));
    CHECK_FALSE(session.take_frame());
    session.tick(start + seconds(51));
    CHECK(session.take_frame() == "2");
    CHECK_FALSE(session.closed());
}

TEST_CASE("a ping without a pong closes the session after the timeout") {
    auto session = opened(Transport::polling);
    session.tick(start + seconds(25));
    session.tick(start + seconds(44));
    CHECK_FALSE(session.closed());
    session.tick(start + seconds(45));
    CHECK(session.closed() == "ping timeout");
}

TEST_CASE("an upgrade flushes the waiting poll, then moves the queue to the WebSocket, in order") {
    auto session = opened(Transport::polling);
    session.begin_poll();
    const auto probe = session.receive_frame("2probe", start);
    CHECK(probe.reply == "3probe");
    CHECK(session.has_output());
    CHECK(session.take_poll_answer() == "6");
    session.send("2[\"a\"]");
    CHECK_FALSE(session.take_frame());  // not before the client says 5
    session.receive_frame("5", start);
    CHECK(session.transport() == Transport::websocket);
    CHECK(session.take_frame() == "42[\"a\"]");
}

TEST_CASE("what is sent between probe and upgrade goes to a poll that still waits") {
    auto session = opened(Transport::polling);
    session.receive_frame("2probe", start);
    session.send("2[\"a\"]");
    session.begin_poll();
    CHECK(session.take_poll_answer() == "42[\"a\"]");
}

TEST_CASE("a poll that outlived the upgrade is answered with a noop") {
    auto session = opened(Transport::polling);
    session.receive_frame("2probe", start);
    session.begin_poll();
    session.receive_frame("5", start);
    CHECK(session.take_poll_answer() == "6");
}

TEST_CASE("a probe that came to nothing leaves the session polling") {
    auto session = opened(Transport::polling);
    session.receive_frame("2probe", start);
    session.end_probe();
    session.begin_poll();
    CHECK_FALSE(session.take_poll_answer());
    CHECK_FALSE(session.closed());
}

TEST_CASE("a WebSocket may not skip the probe, nor speak for the session before the upgrade") {
    auto skipping = opened(Transport::polling);
    skipping.receive_frame("5", start);
    CHECK(skipping.closed() == "unexpected upgrade");
    auto speaking = opened(Transport::polling);
    CHECK(speaking.receive_frame("42[\"a\"]", start).messages.empty());
    CHECK(speaking.closed() == "message before the upgrade");
}

TEST_CASE("messages before a close packet are delivered, those after it are not") {
    auto session = opened(Transport::polling);
    const auto received = session.receive_payload(
        "4a\x1e"
        "1\x1e"
        "4b",
        start);
    CHECK(received.messages == std::vector<std::string>{"a"});
    CHECK(session.closed() == "client closed");
}

TEST_CASE("a malformed payload or frame closes the session") {
    auto polling = opened(Transport::polling);
    polling.receive_payload("nonsense", start);
    CHECK(polling.closed() == "malformed payload");
    auto socket = opened(Transport::websocket);
    socket.receive_frame("", start);
    CHECK(socket.closed() == "malformed packet");
}

TEST_CASE("a client that takes nothing is disconnected at the cap, and its queue is freed") {
    EngineLimits limits;
    limits.max_queued_packets = 3;
    auto session = opened(Transport::websocket, limits);
    for (int i = 0; i < 4; ++i) session.send("x");
    CHECK(session.closed() == "slow client");
    CHECK(session.take_frame() == "1");
    CHECK_FALSE(session.take_frame());

    limits.max_queued_packets = 100;
    limits.max_queued_bytes = 10;
    auto large = opened(Transport::websocket, limits);
    large.send("12345");
    large.send("67890");
    CHECK(large.closed() == "slow client");
}

TEST_CASE("what was taken leaves room for more") {
    EngineLimits limits;
    limits.max_queued_bytes = 10;
    auto session = opened(Transport::websocket, limits);
    for (int i = 0; i < 100; ++i) {
        session.send("12345");
        REQUIRE(session.take_frame() == "412345");
    }
    CHECK_FALSE(session.closed());
}

}  // namespace relevo
