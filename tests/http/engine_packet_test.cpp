#include "http/engine_packet.hpp"

#include <doctest/doctest.h>

namespace relevo {

TEST_CASE("Engine.IO packets are written as the protocol's examples") {
    CHECK(encode_packet({EnginePacketType::message, "hello"}) == "4hello");
    CHECK(encode_packet({EnginePacketType::ping, "probe"}) == "2probe");
    CHECK(encode_packet({EnginePacketType::noop, ""}) == "6");
}

TEST_CASE("an Engine.IO packet is read back as it was written") {
    for (const auto& packet :
         {EnginePacket{EnginePacketType::open, "{}"}, EnginePacket{EnginePacketType::close, ""},
          EnginePacket{EnginePacketType::pong, "probe"}, EnginePacket{EnginePacketType::message, "ñ😀"}}) {
        CHECK(decode_packet(encode_packet(packet)) == packet);
    }
}

TEST_CASE("what is no Engine.IO packet is told from one") {
    CHECK_FALSE(decode_packet(""));
    CHECK_FALSE(decode_packet("7x"));
    CHECK_FALSE(decode_packet("hello"));
}

TEST_CASE("a polling payload holds several packets between record separators") {
    const auto packets = decode_payload(
        "4hello\x1e"
        "2\x1e"
        "4world");
    REQUIRE(packets);
    CHECK(*packets == std::vector<EnginePacket>{{EnginePacketType::message, "hello"},
                                                {EnginePacketType::ping, ""},
                                                {EnginePacketType::message, "world"}});
}

TEST_CASE("binary messages in a polling payload are left out") {
    const auto packets = decode_payload(
        "4hello\x1e"
        "bAQIDBA==");
    REQUIRE(packets);
    CHECK(packets->size() == 1);
}

TEST_CASE("a polling payload with anything malformed is refused whole") {
    CHECK_FALSE(decode_payload("4hello\x1e"));
    CHECK_FALSE(decode_payload(""));
    CHECK_FALSE(decode_payload("abc"));
}

}  // namespace relevo
