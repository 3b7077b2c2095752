#include "cli/story_text.hpp"

#include <doctest/doctest.h>

using namespace relevo;

namespace {

const SysTime now = *from_iso8601("2026-11-21T12:00:00.000Z");

Story stuck(std::string ended, std::string reason = "", std::string code = "", std::string text = "") {
    Story story;
    story.channel = "whatsapp";
    story.account = "1001";
    story.standing.ended = std::move(ended);
    story.standing.reason = std::move(reason);
    story.standing.waits_at = "infer";
    story.standing.since = now - Millis{180'000};
    story.standing.letter = 12;
    story.standing.code = std::move(code);
    story.standing.text = std::move(text);
    return story;
}

bool says(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("what to do next follows from what holds the message") {
    std::vector<StageLag> lags{{"infer", 1'240, 3, 2}};
    CHECK(says(next_step(stuck("open", "in the log"), lags, now),
               "infer is 1,240 behind and holds 3: see relevo lag"));
    lags.front().workers = 0;
    for (const auto* reason : {"in the log", "in flight"})
        CHECK(next_step(stuck("open", reason), lags, now) == "nobody works on infer: relevo run infer");
    CHECK(says(next_step(stuck("open", "in flight"), {}, now), "younger than 10 min"));
    CHECK(says(next_step(stuck("dead", "", "resolve.unknown_account"), {}, now),
               "no shop has whatsapp account 1001"));
    CHECK(says(next_step(stuck("dead", "", "record.malformed"), {}, now), "relevo dead edit 12"));
    CHECK(says(next_step(stuck("dead", "", "model.bad_key", "renew it"), {}, now), "renew it"));
    CHECK(says(next_step(stuck("dead", "", "model.bad_key"), {}, now), "relevo dead retry 12 --yes"));
    Story parked = stuck("open", "parked", "whatsapp.bad_token", "renew the token");
    parked.standing.until = now + Millis{240'000};
    CHECK(says(next_step(parked, {}, now), "the token was refused: whatsapp.bad_token (renew the token)"));
    CHECK(says(next_step(parked, {}, now), "it goes on by itself in 4 min"));
    parked.standing.pause = Pause{"relay", "pointe", "ana", "wrong prices", now - Millis{60'000}};
    CHECK(next_step(parked, {}, now) ==
          "paused by ana since 2026-11-21T11:59:00.000Z (wrong prices); relevo resume relay --tenant pointe");
    CHECK(verdict(parked, now) == "paused at infer for 3 min: ana paused relay (wrong prices)");
    CHECK(says(next_step(stuck("unexplained"), {}, now), "no record, timer or dead letter"));
    CHECK(next_step(stuck("answered"), {}, now).empty());
}

TEST_CASE("somebody is needed where it does not go on by itself") {
    std::vector<StageLag> lags{{"infer", 0, 0, 2}};
    CHECK(needs_somebody(stuck("dead"), lags));
    CHECK(needs_somebody(stuck("unexplained"), lags));
    CHECK(needs_somebody(stuck("open", "parked", "whatsapp.bad_token"), lags));
    CHECK(needs_somebody(stuck("answered", "with the fallback", "model.bad_key"), lags));
    CHECK(needs_somebody(stuck("answered", "with the fallback", "budget.unpriced"), lags));
    CHECK(needs_somebody(stuck("answered", "with the fallback", "model.unbounded"), lags));
    CHECK_FALSE(needs_somebody(stuck("answered", "with the fallback", "model.timeout"), lags));
    CHECK_FALSE(needs_somebody(stuck("answered", "", "whatsapp.bad_token"), lags));
    CHECK_FALSE(needs_somebody(stuck("open", "parked", "whatsapp.unavailable"), lags));
    Story paused = stuck("open", "paused");
    CHECK_FALSE(needs_somebody(paused, lags));
    paused.standing.pause = Pause{"infer", "", "ana", "", now};
    CHECK(needs_somebody(paused, lags));
    lags.front().workers = 0;
    CHECK(needs_somebody(stuck("open", "in flight"), lags));
}

TEST_CASE("a message whose turn gave way to a newer one is said to be superseded, whoever answered it") {
    Story story = stuck("answered");
    CHECK(verdict(story, now) == "answered");
    story.events.push_back({now, "buffer", "turn.superseded", {{"by", "T2"}}});
    CHECK(verdict(story, now) == "superseded, and answered by the turn that took its place");
}

TEST_CASE("who decided is said: the provider, the model, relevo or an operator") {
    Story refused = stuck("dropped", "failed", "whatsapp.rejected", "no such number");
    refused.standing.letter = 0;
    CHECK(next_step(refused, {}, now) == "the provider said whatsapp.rejected (no such number)");
    refused.standing.code = "131026";
    CHECK(next_step(refused, {}, now) == "the provider said 131026 (no such number)");
    refused.standing.code = "model.timeout";
    CHECK(next_step(refused, {}, now) == "the model failed: model.timeout (no such number)");
    refused.standing.code = "relay.no_channel";
    CHECK(next_step(refused, {}, now) == "relevo itself refused it: relay.no_channel (no such number)");
    Story given_up = stuck("dropped", "spam", "resolve.foreign_account", "it is another address's");
    given_up.events = {{now, "", "letter.dropped", {{"letter", "9"}, {"by", "eva"}}},
                       {now, "", "letter.dropped", {{"letter", "12"}, {"by", "ana"}}}};
    CHECK(next_step(given_up, {}, now) ==
          "ana dropped its dead letter 12: nothing is left to do. Before that relevo itself refused it: "
          "resolve.foreign_account (it is another address's)");
    Story retired = stuck("dropped", "account retired");
    retired.standing.letter = 0;
    retired.slug = "pointe";
    CHECK(says(next_step(retired, {}, now), "shop pointe has given whatsapp account 1001 up"));
}

TEST_CASE("a customer who got the fallback: the advice names the error and the command") {
    Story story = stuck("answered", "with the fallback", "model.bad_key", "the key was refused");
    story.slug = "pointe";
    CHECK(next_step(story, {}, now) ==
          "the models failed: model.bad_key (the key was refused); see the shop's key: relevo vault list "
          "pointe; a new one: relevo vault put pointe CATEGORY API_KEY < FILE; relevo dead show 12 tells "
          "more. The customer's next message is tried anew");
    story.standing.letter = 0;
    story.standing.code = "model.timeout";
    CHECK(says(next_step(story, {}, now), "see whether the provider is up"));
    CHECK_FALSE(says(next_step(story, {}, now), "relevo dead show"));
    story.standing.code = "model.bad_address";
    CHECK(says(next_step(story, {}, now), "relevo shops apply"));
    story.standing.code = "model.unbounded";
    CHECK(says(next_step(story, {}, now), "relevo budgets set pointe without --hard"));
    story.standing.code = "budget.exhausted";
    CHECK(says(next_step(story, {}, now), "relevo budgets set pointe"));
    story.standing.code = "budget.unpriced";
    CHECK(says(next_step(story, {}, now), "relevo prices apply"));
    story.standing.code = "turn.over";
    CHECK(says(next_step(story, {}, now), "no model answered: turn.over"));
    CHECK(says(next_step(story, {}, now), "relevo doctor"));
    story.human = true;
    CHECK(says(next_step(story, {}, now), "A human has the conversation"));
}

TEST_CASE("a turn that came outside of business hours is told from one that no model answered") {
    const StoryEvent ended{now, "infer", "turn.failed", {{"reason", "agent.closed"}}};
    CHECK(says(sentence(ended), "outside of the agent's business hours"));
    Story story = stuck("answered", "with the fallback", "agent.closed", "");
    CHECK(says(next_step(story, {}, now), "Within them the agent answers again"));
    story.human = true;
    CHECK(says(next_step(story, {}, now), "A human has the conversation"));
}

TEST_CASE("a record that is kept for a pause is told from one that waits for a time") {
    StoryEvent parked{now, "wake", "record.parked", {{"topic", "turns.ready"}, {"until", "0"}}};
    CHECK(sentence(parked) == "parked until 1970-01-01T00:00:00.000Z for turns.ready");
    parked.facts.emplace("kept", "retrieve");
    CHECK(sentence(parked) == "kept until retrieve is resumed: its record of turns.ready");
}

TEST_CASE("a verdict says where it stands and for how long") {
    CHECK(verdict(stuck("unexplained"), now) == "stands still at infer for 3 min, and nothing holds it");
    CHECK(verdict(stuck("dropped", "expired"), now) == "dropped (expired)");
    CHECK(verdict(stuck("dead", "record.malformed"), now) == "dead (record.malformed): dead letter 12");
}

TEST_CASE("a story is told line by line, with words only where there are some") {
    Story story = stuck("answered");
    story.events = {
        {now, "ingress", "message.received", {{"message", "m"}, {"kind", "message"}, {"type", "text"}}},
        {std::nullopt, "resolve", "message.stored", {{"message", "m"}, {"seq", "4"}}},
        {now + Millis{16'000},
         "buffer",
         "turn.opened",
         {{"turn", "t"}, {"messages", "1"}, {"first_seq", "4"}, {"last_seq", "4"}}}};
    const std::string page = story_page(story, {}, now);
    CHECK(says(page, "2026-11-21T12:00:00.000Z"));
    CHECK(says(page, "message of type text is in the log"));
    CHECK(says(page, "(no row has its time)"));
    CHECK(says(page, "+16.0 s  buffer    turn t opened of 1 message, numbers 4 to 4"));
    CHECK_FALSE(says(page, "canary"));
    story.texts = {{"m", "canary"}};
    CHECK(says(story_page(story, {}, now), "\"canary\""));
    CHECK(says(story_json(story, {}, now), "\"said\":\"canary\""));
}

TEST_CASE("spans are drawn as a tree over one time") {
    Story story = stuck("open");
    story.trace = "0af7";
    story.spans = {{"window", "w", "", now, now + Millis{5'000}, ""},
                   {"turn", "t", "", now + Millis{5'000}, std::nullopt, "open"},
                   {"retrieve", "r", "t", now + Millis{5'000}, now + Millis{6'000}, ""}};
    const std::string tree = span_tree(story, now + Millis{10'000}, 10);
    CHECK(says(tree, "trace 0af7\n"));
    CHECK(says(tree, "  window               |=====     |       5.0 s"));
    CHECK(says(tree, "  turn                 |     ~~~~~|"));
    CHECK(says(tree, "    retrieve           |     =    |       1.0 s"));
    CHECK(says(spans_json(story), "\"parent\":\"t\""));
}
