#include "http/socket_packet.hpp"

#include <doctest/doctest.h>

namespace relevo {

using Type = SocketPacketType;

TEST_CASE("Socket.IO packets are written as the protocol's examples") {
    CHECK(encode_socket_packet({.type = Type::connect}) == "0");
    CHECK(encode_socket_packet({Type::connect, "/admin", std::nullopt, R"({"sid":"x"})"}) ==
          R"(0/admin,{"sid":"x"})");
    CHECK(encode_socket_packet({Type::disconnect, "/admin", std::nullopt, ""}) == "1/admin,");
    CHECK(encode_socket_packet({Type::event, "/", std::nullopt, R"(["foo"])"}) == R"(2["foo"])");
    CHECK(encode_socket_packet({Type::event, "/admin", 12, R"(["foo"])"}) == R"(2/admin,12["foo"])");
    CHECK(encode_socket_packet({Type::ack, "/admin", 13, "[]"}) == "3/admin,13[]");
}

TEST_CASE("Socket.IO packets are read as the protocol's examples") {
    CHECK(decode_socket_packet("0") == SocketPacket{.type = Type::connect});
    CHECK(decode_socket_packet(R"(0/admin,{"token":"123"})") ==
          SocketPacket{Type::connect, "/admin", std::nullopt, R"({"token":"123"})"});
    CHECK(decode_socket_packet("1/admin,") == SocketPacket{Type::disconnect, "/admin", std::nullopt, ""});
    CHECK(decode_socket_packet(R"(2["foo"])") == SocketPacket{Type::event, "/", std::nullopt, R"(["foo"])"});
    CHECK(decode_socket_packet(R"(2/admin,12["foo"])") ==
          SocketPacket{Type::event, "/admin", 12, R"(["foo"])"});
    CHECK(decode_socket_packet(R"(312["bar"])") == SocketPacket{Type::ack, "/", 12, R"(["bar"])"});
    CHECK(decode_socket_packet(R"(51-["baz",{"_placeholder":true,"num":0}])") ==
          SocketPacket{Type::binary_event, "/", std::nullopt, R"(["baz",{"_placeholder":true,"num":0}])"});
}

TEST_CASE("a namespace's query is no part of its name") {
    CHECK(decode_socket_packet("0/web?x=1,")->name_space == "/web");
    CHECK(decode_socket_packet("0/web")->name_space == "/web");
}

TEST_CASE("malformed Socket.IO packets are refused") {
    for (const auto* text : {"", "9", "2", "2{}", "2[]", "2[1]", R"(2["a")", R"(2["a"]x)", "0[]", R"(0"x")",
                             "1/web,{}", R"(5["a"])", R"(29999999999999999["a"])", "3{}", "2[\"\xff\"]"}) {
        CAPTURE(text);
        CHECK_FALSE(decode_socket_packet(text));
    }
}

TEST_CASE("what follows a NUL is a part of the packet, and no JSON") {
    using namespace std::string_literals;
    for (const auto& text : {"2[\"a\"]\0"s, "2[\"a\"]\0,x"s, "0{}\0"s, "30[]\0]"s, "2[\"a\"\0]"s}) {
        CAPTURE(text);
        CHECK_FALSE(decode_socket_packet(text));
    }
}

TEST_CASE("events that a client invents under the protocol's own names are refused") {
    CHECK_FALSE(decode_socket_packet(R"(2["disconnect"])"));
    CHECK_FALSE(decode_socket_packet(R"(2["connect_error",1])"));
}

TEST_CASE("nesting a million deep is refused or read, but overflows no stack") {
    CHECK_FALSE(decode_socket_packet("2[\"a\"," + std::string(1'000'000, '[')));
    const auto deep = "2[\"a\"," + std::string(100'000, '[') + std::string(100'000, ']') + "]";
    CHECK(decode_socket_packet(deep));
}

TEST_CASE("a lone surrogate becomes the replacement character, and the event survives") {
    const auto packet = decode_socket_packet(R"(2["message",{"text":"cut \ud83d"}])");
    REQUIRE(packet);
    CHECK(packet->data == R"(["message",{"text":"cut \ufffd"}])");
}

TEST_CASE("an event is its name and the array of what follows, digits untouched") {
    CHECK(parse_socket_event(R"(["message",{"a":1},12345678901234567890])") ==
          SocketEvent{"message", R"([{"a":1},12345678901234567890])"});
    CHECK(parse_socket_event(R"(["alone"])") == SocketEvent{"alone", "[]"});
    CHECK(parse_socket_event(R"( [ "a\"b\u00f1\\" , null ] )") == SocketEvent{"a\"bñ\\", "[ null ] "});
}

TEST_CASE("an event's data is made of its name and its arguments' JSON") {
    CHECK(event_data("session", R"({"visitor":"v"})") == R"(["session",{"visitor":"v"}])");
    CHECK(event_data("a\"b", "") == R"(["a\"b"])");
    CHECK(connect_error_data("no \"entry\"", "web.unknown_key") ==
          R"({"message":"no \"entry\"","data":{"code":"web.unknown_key"}})");
}

TEST_CASE("a zero with an exponent is a number in an event, too") {
    CHECK(decode_socket_packet(R"(2["e",0e+99])") ==
          SocketPacket{Type::event, "/", std::nullopt, R"(["e",0e+99])"});
    CHECK_FALSE(parse_socket_event(R"(["e",0e+99)").has_value());
}

}  // namespace relevo
