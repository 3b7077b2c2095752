#include "domain/topic_value.hpp"

#include <doctest/doctest.h>

#include "domain/records.hpp"
#include "domain/timer_codec.hpp"

using namespace relevo;

TEST_CASE("a value is readable where its topic's stage could decode it") {
    const std::string step = encode(TurnStep{{7}, {}, {}, 0});
    CHECK_FALSE(unreadable("turns.ready", step));
    CHECK_FALSE(unreadable("inferences.requested", step));
    CHECK_FALSE(unreadable("replies.ready", encode(ReplyReady{{7}, {}, {}, {}})));
    REQUIRE(unreadable("replies.ready", step));
    CHECK(unreadable("replies.ready", step)->text.find("reply") != std::string::npos);
    CHECK(unreadable("messages.received", "not JSON")->code == "record.malformed");
    CHECK(unreadable("no.such.topic", step)->text.find("no.such.topic") != std::string::npos);
}

TEST_CASE("a timer is readable where the record in it is") {
    CHECK_FALSE(
        unreadable("timers", encode_timer({"turns.ready", "7:x", encode(TurnStep{{7}, {}, {}, 0}), {}})));
    CHECK(unreadable("timers", encode_timer({"turns.ready", "7:x", "{}", {}})));
    CHECK(unreadable("timers", "{}"));
}
