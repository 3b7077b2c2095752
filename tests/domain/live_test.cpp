#include "domain/live.hpp"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

namespace relevo {
namespace {

const TurnId turn = turn_id(ConversationId{}, MessageId{});

rapidjson::Document parse(const std::string& json) {
    rapidjson::Document document;
    document.Parse(json.data(), json.size());
    REQUIRE_FALSE(document.HasParseError());
    return document;
}

}  // namespace

TEST_CASE("a delta says of which turn, bubble and epoch it is") {
    const auto event = parse(live_delta(turn, 2, "\"sí\"\n", 7));
    CHECK(event["event"] == "delta");
    CHECK(turn.to_string() == event["turn"].GetString());
    CHECK(event["index"] == 2);
    CHECK(event["text"] == "\"sí\"\n");
    CHECK(event["epoch"] == 7);
}

TEST_CASE("the other events say no more than what happened") {
    CHECK(live_changed() == R"({"event":"changed"})");
    CHECK(live_withdrawn(turn) == R"({"event":"withdrawn","turn":")" + turn.to_string() + "\"}");
}

TEST_CASE("what the shop's people are told names the conversation, of which shop, and none of its words") {
    const auto written = parse(desk_written({7}, ConversationId{}));
    CHECK(written["event"] == "written");
    CHECK(written["tenant"] == 7);
    CHECK(ConversationId{}.to_string() == written["conversation"].GetString());
    CHECK(written.MemberCount() == 3);
    CHECK(parse(desk_changed({7}, ConversationId{}))["event"] == "changed");
}

TEST_CASE("two tenants' conversations never share a channel") {
    CHECK(conversation_channel(TenantId{1}, ConversationId{}) !=
          conversation_channel(TenantId{2}, ConversationId{}));
}

}  // namespace relevo
