#include <doctest/doctest.h>

#include <algorithm>

#include "core/json_object.hpp"
#include "postgres/pauses.hpp"
#include "tests/postgres/books.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

std::string events(const Story& story) {
    std::string out;
    for (const auto& event : story.events) out += event.event + " ";
    return out;
}

Story only(StoryBook& book, const std::string& name, SysTime now = at(100'000), const Lagging& lagging = {}) {
    const auto refs = book.find(name, now);
    REQUIRE(refs.size() == 1);
    return book.tell(refs.front(), now, Millis{600'000}, lagging);
}

}  // namespace

TEST_CASE("a message's story goes from its webhook to its receipt in the order of time") {
    BooksBench bench;
    const ReplyId reply = bench.answered("5491150000001");
    run(bench.settle->settle(bench.account(),
                             {"1001", "out.5491150000001", "", ReceiptStatus::read, at(25), "", ""}, at(26)));
    const auto book = make_story_book(bench.urls, false);
    const Story story = only(*book, "wamid.5491150000001");
    CHECK(events(story) ==
          "message.received message.stored turn.opened step.frozen step.answered turn.answered reply.made "
          "reply.claimed "
          "delivery.confirmed receipt.read ");
    CHECK(story.standing.ended == "answered");
    CHECK(story.slug == "ballet");
    CHECK(story.trace == "trace");
    CHECK(story.texts.empty());
    const auto find_event = [&](const std::string& name) {
        return *std::ranges::find(story.events, name, &StoryEvent::event);
    };
    CHECK(find_event("reply.claimed").at == at(18));
    CHECK(find_event("delivery.confirmed").facts.at("provider_id") == "out.5491150000001");
    CHECK(find_event("step.frozen").facts.at("passages") == "1");
    CHECK_FALSE(find_event("message.stored").at);
    // its spans are a tree over the same times
    const auto send = std::ranges::find(story.spans, "send 1", &StorySpan::name);
    REQUIRE(send != story.spans.end());
    CHECK(send->parent == reply.to_string());
    CHECK(send->start == at(18));
    CHECK(send->end == at(19));
}

TEST_CASE("a message is found by our ids, the provider's, and a number as people write it") {
    BooksBench bench;
    const ReplyId reply = bench.answered("5491150000001");
    const auto book = make_story_book(bench.urls, false);
    const std::string message = only(*book, "wamid.5491150000001").message;
    for (const auto& name : {message, reply.to_string(), std::string("out.5491150000001"),
                             std::string("5491150000001"), std::string("+54 9 11 5000-0001")}) {
        CAPTURE(name);
        CHECK(only(*book, name).message == message);
    }
    // a page shows the first eight digits
    const std::string turn = bench.test.query("SELECT id FROM turns");
    for (const auto& id : {message, reply.to_string(), turn}) {
        for (const std::size_t shown : {8U, 12U, 20U}) {
            CAPTURE(id.substr(0, shown));
            CHECK(only(*book, id.substr(0, shown)).message == message);
        }
        CHECK(book->find(id.substr(0, 7), at(100)).empty());
    }
    CHECK(book->find("5491150000001", at(-1)).empty());
    CHECK(book->find("nobody", at(100)).empty());
    // the same person writes to another shop: one must choose
    Account other = bench.account("whatsapp", "2002");
    run(bench.resolve->store_message(other, inbound("wamid.other", "canary"), at(50), "trace"));
    CHECK(make_story_book(bench.urls, false)->find("5491150000001", at(100)).size() == 2);
}

TEST_CASE("a superseded message's story goes on with the turn that took its place") {
    BooksBench bench;
    const auto early = bench.from("2");
    bench.answer(bench.claim(early, at(16)), {"uno"}, at(17));
    const auto newer = bench.store("wamid.2b", "canary", at(18), "2");
    const auto reply = bench.answer(bench.claim(newer, at(34)), {"dos"}, at(35)).front();
    bench.accept(bench.ask(reply, at(36)), "out.2", at(37));
    const Story story = only(*make_story_book(bench.urls, false), early.message.to_string());
    CHECK(story.standing.ended == "answered");
    CHECK(events(story).find("turn.superseded") != std::string::npos);
    CHECK(events(story).find("reply.dropped") != std::string::npos);
    CHECK(events(story).find("delivery.confirmed") != std::string::npos);
}

TEST_CASE("a message that stands still says where, since when, and what holds it") {
    BooksBench bench;
    const auto book = make_story_book(bench.urls, false);
    const auto unclaimed = bench.from("1");
    CHECK(only(*book, unclaimed.message.to_string()).standing.ended == "unexplained");
    const Story waiting = only(*book, unclaimed.message.to_string(), at(100'000), {"buffer"});
    CHECK(waiting.standing.reason == "in the log");
    CHECK(waiting.standing.waits_at == "buffer");
    CHECK(waiting.standing.since == at(0));

    const auto poison = bench.from("2");
    bench.dead("messages.resolved", bench.ballet.to_string() + ":" + poison.conversation.to_string(),
               JsonObject().id("message", poison.message).str(), "record.malformed");
    const Story dead = only(*make_story_book(bench.urls, false), poison.message.to_string());
    CHECK(dead.standing.ended == "dead");
    CHECK(dead.standing.code == "record.malformed");
    CHECK(dead.standing.letter > 0);
    CHECK(events(dead).find("record.dead") != std::string::npos);
}

TEST_CASE("of a paused shop's message it is told who paused it, and of a whole stage's too") {
    BooksBench bench;
    const auto stored = bench.from("1");
    const TurnId turn = bench.claim(stored, at(16));
    PostgresPauses pauses(bench.database);
    const std::string key = bench.ballet.to_string() + ":" + stored.conversation.to_string();
    const auto held = [&] {
        return only(*make_story_book(bench.urls, false), stored.message.to_string(), at(60));
    };
    CHECK_FALSE(held().standing.pause);
    run(pause(bench.database, {"infer", "ballet", "ana", "wrong prices", {}}));
    CHECK_FALSE(held().standing.pause);  // it is not there yet
    const auto keep = [&](const std::string& id, TurnId which) {
        const std::string value = JsonObject().id("turn", which).str();
        run(pauses.keep("infer", {"inferences.requested", key, value, {.id = id}}, at(20)));
    };
    keep("another's", TurnId{});
    CHECK_FALSE(held().standing.pause);
    keep("its own", turn);
    const auto shop = held().standing.pause;
    REQUIRE(shop);
    CHECK(shop->stage == "infer");
    CHECK(shop->shop == "ballet");
    CHECK(shop->by == "ana");
    CHECK(shop->reason == "wrong prices");
    const Story kept = held();
    const auto parked = std::ranges::find(kept.events, "record.parked", &StoryEvent::event);
    REQUIRE(parked != kept.events.end());
    CHECK(parked->facts.at("kept") == "infer");
    run(resume(bench.database, "infer", "inferences.requested", "ballet"));
    run(pause(bench.database, {"retrieve", "", "eva", "", {}}));
    REQUIRE(held().standing.pause);
    CHECK(held().standing.pause->by == "eva");
    CHECK(held().standing.pause->shop == "");
}

TEST_CASE("a message that never became a row is found among the dead letters") {
    BooksBench bench;
    bench.dead(
        "messages.received", "whatsapp/9:549",
        R"({"channel":"whatsapp","account":"9","kind":"message","event_id":"wamid.x","aliases":[{"kind":"wa_id","value":"549"}]})",
        "resolve.unknown_account");
    const auto book = make_story_book(bench.urls, false);
    for (const auto* name : {"wamid.x", "+549"}) {
        const Story story = only(*book, name, from_millis(4'000'000'000'000));
        CHECK(story.standing.ended == "dead");
        CHECK(story.account == "9");
        CHECK(events(story) == "record.dead ");
    }
}

TEST_CASE("a story has its words only by the role that may read them") {
    BooksBench bench;
    bench.answered("1");
    const Story with_words = only(*make_story_book(bench.urls, true), "wamid.1");
    CHECK(with_words.texts.size() == 2);
    CHECK(with_words.texts.at(with_words.message) == "canary 1");
    CHECK_THROWS_AS(make_story_book({Secret(bench.test.operator_url()), Secret()}, true), Failure);
    const auto pretending = make_story_book({Secret(), Secret(bench.test.operator_url())}, true);
    CHECK_THROWS_AS(only(*pretending, "wamid.1"), Failure);
}

TEST_CASE("a story tells the parked records of its own message only") {
    BooksBench bench;
    const auto answered = bench.from("1");
    bench.accept(bench.ask(bench.answer(bench.claim(answered, at(16)), {"uno"}, at(17)).front(), at(18)),
                 "out.1", at(19));
    const auto asked = bench.store("wamid.1b", "canary", at(60), "1");
    const TurnId turn = bench.claim(asked, at(76));
    const auto first = bench.store("wamid.1c", "canary", at(80), "1");
    const auto newest = bench.store("wamid.1d", "canary", at(81), "1");
    const auto late = bench.store("wamid.1e", "canary", at(82), "1");
    const std::string key = bench.ballet.to_string() + ":" + asked.conversation.to_string();
    const auto park = [&](const std::string& topic, const std::string& value) {
        run(make_timers(bench.database)->park({at(200'000), {topic, key, value, {.id = topic}}}));
    };
    park("turns.ready", JsonObject().id("turn", turn).str());
    park("messages.resolved", JsonObject().id("message", newest.message).str());
    const auto book = make_story_book(bench.urls, false);
    const auto parked = [&](const StoredMessage& message) {
        std::string topics;
        for (const auto& event : only(*book, message.message.to_string()).events) {
            if (event.event == "record.parked") topics += event.facts.at("topic") + " ";
        }
        return topics;
    };
    CHECK(parked(answered) == "");
    CHECK(parked(asked) == "turns.ready ");
    // a burst comes back with its newest message
    CHECK(parked(first) == "messages.resolved ");
    CHECK(parked(newest) == "messages.resolved ");
    CHECK(parked(late) == "");
    CHECK(only(*book, first.message.to_string()).standing.reason == "parked");
    CHECK(only(*book, late.message.to_string()).standing.ended == "unexplained");
}

TEST_CASE("a customer who got the fallback: the story says which error it was, and in which letter") {
    BooksBench bench;
    const auto stored = bench.from("1");
    const TurnId turn = bench.claim(stored, at(16));
    const auto replies = run(bench.infer->fail_turn(bench.ballet, turn, "model.bad_key", at(17)));
    REQUIRE(replies.size() == 1);
    bench.accept(bench.ask(replies.front(), at(18)), "out.1", at(19));
    const auto standing = [&] {
        return only(*make_story_book(bench.urls, false), stored.message.to_string()).standing;
    };
    CHECK(standing().ended == "answered");
    CHECK(standing().reason == "with the fallback");
    CHECK(standing().code == "model.bad_key");
    CHECK(standing().letter == 0);
    const std::string key = bench.ballet.to_string() + ":" + stored.conversation.to_string();
    bench.dead("inferences.requested", key, JsonObject().id("turn", turn).str(), "model.bad_key");
    CHECK(standing().code == "model.bad_key");
    CHECK(standing().text == "what was wrong");
    CHECK(standing().letter > 0);
}

TEST_CASE("bubbles of one moment are told in the order in which they were said") {
    BooksBench bench;
    const auto stored = bench.from("1");
    const auto replies =
        bench.answer(bench.claim(stored, at(16)), {"1", "2", "3", "4", "5", "6", "7", "8"}, at(17));
    std::vector<std::string> said;
    for (const auto& reply : replies) said.push_back(reply.to_string());
    // a take-over drops them all in one moment
    run(bench.handoff->take_over(bench.ballet, stored.conversation, at(18)));
    const Story story = only(*make_story_book(bench.urls, false), "wamid.1");
    const auto told = [&](const std::string& name) {
        std::vector<std::string> ids;
        for (const auto& event : story.events) {
            if (event.event == name) ids.push_back(event.facts.at("reply"));
        }
        return ids;
    };
    CHECK(told("reply.made") == said);
    CHECK(told("reply.dropped") == said);
    std::vector<std::string> drawn;
    for (const auto& span : story.spans) {
        if (span.name.starts_with("reply ")) drawn.push_back(span.id);
    }
    CHECK(drawn == said);
}

TEST_CASE("what came in for an account that was given up is found by the provider's id") {
    BooksBench bench;
    Account gone = bench.account();
    gone.retired = true;
    run(bench.resolve->store_message(gone, inbound("wamid.late", "canary"), at(0), "trace"));
    const Story story = only(*make_story_book(bench.urls, false), "wamid.late");
    CHECK(story.standing.ended == "dropped");
    CHECK(story.standing.reason == "account retired");
    CHECK(events(story) == "message.received message.stored turn.opened turn.dropped ");
}
