#include "stages/infer.hpp"

#include <doctest/doctest.h>

#include <utility>

#include "domain/records.hpp"
#include "tests/stages/infer.hpp"

namespace relevo {

TEST_CASE("an answer is committed as bubbles, and each becomes a record in its order") {
    InferFixture it;
    const Outcome outcome = it.run();
    CHECK(it.store.bubbles == std::vector<std::string>{"Hola.", "Tenemos puntas."});
    const auto& records = std::get<Emit>(outcome).records;
    REQUIRE(records.size() == 2);
    CHECK(decode_reply_ready(records[0].value).value().reply == agent_reply_id({}, 0));
    CHECK(decode_reply_ready(records[1].value).value().reply == agent_reply_id({}, 1));
    REQUIRE(it.live.told.size() == 2);  // the drafts
    CHECK(it.live.told.front().find("\"epoch\":4") != std::string::npos);
}

TEST_CASE(
    "a model sees no address, and draft and bubbles have it again where the step keeps its placeholder") {
    InferFixture it;
    it.store.inference.history = {{HistoryLine::Author::contact, "soy ana@x.com", true}};
    it.text = "Hola. Te escribo a [EMAIL_1], no a [EMAIL_2].";
    auto& model = dynamic_cast<FakeModel&>(*it.models.find("fake"));
    model.tail = "Te escribo a [EMAIL_1], no a [EMA";
    it.run();
    CHECK(it.store.bubbles == std::vector<std::string>{"Hola. Te escribo a ana@x.com, no a [EMAIL_2]."});
    CHECK(it.store.committed.text == "Hola. Te escribo a [EMAIL_1], no a [EMAIL_2].");
    std::string drafts;
    for (const auto& event : it.live.told) drafts += event;
    CHECK(drafts.find("ana@x.com") != std::string::npos);
    CHECK(drafts.find("EMAIL_1") == std::string::npos);
    CHECK(drafts.find("[EMA") != std::string::npos);  // what was kept back comes in the end
}

TEST_CASE("an answer is stored as a first one, which discloses, and as a later one: the draft shows one") {
    for (const bool first : {true, false}) {
        CAPTURE(first);
        InferFixture it;
        it.store.inference.agent.disclosure = "Soy un programa.";
        it.store.inference.is_first_answer = first;
        it.run();
        CHECK(it.store.bubbles == std::vector<std::string>{"Hola.", "Tenemos puntas."});
        CHECK(it.store.disclosing ==
              std::vector<std::string>{"Soy un programa.", "Hola.", "Tenemos puntas."});
        CHECK(it.store.committed.text == "Hola.\n\nTenemos puntas.");
        std::string drafts;
        for (const auto& event : it.live.told) drafts += event;
        CHECK((drafts.find("Soy un programa.") != std::string::npos) == first);
        CHECK((drafts.find("\"index\":2") != std::string::npos) == first);
    }
}

TEST_CASE("a model that discloses itself is not made to do it twice, in the draft neither") {
    InferFixture it;
    it.store.inference.agent.disclosure = "Hola, Tenemos puntas";
    it.store.inference.is_first_answer = true;
    it.run();
    CHECK(it.store.disclosing == it.store.bubbles);
    std::string drafts;
    for (const auto& event : it.live.told) drafts += event;
    CHECK(drafts.find("Hola,") == std::string::npos);
    CHECK(drafts.find("Tenemos puntas.") != std::string::npos);
}

TEST_CASE("what the shop discloses stays as it is, and what the model says has its placeholders restored") {
    InferFixture it;
    it.store.inference.history = {{HistoryLine::Author::contact, "soy ana@x.com", true}};
    it.store.inference.agent.disclosure = "Escribinos a hola@danza.example.";
    it.store.inference.is_first_answer = true;
    it.text = "Te escribo a [EMAIL_1].";
    it.run();
    CHECK(it.store.disclosing ==
          std::vector<std::string>{"Escribinos a hola@danza.example.", "Te escribo a ana@x.com."});
}

TEST_CASE("a fallback that answers after a draft was taken back discloses in its own, once") {
    Fallback two;
    two.it.store.inference.agent.disclosure = "Soy un programa.";
    two.it.store.inference.is_first_answer = true;
    two.first = {{away}, {away}};
    two.run();
    CHECK(two.it.store.disclosing == std::vector<std::string>{"Soy un programa.", "Hola de dos."});
    std::size_t shown = 0;
    std::size_t withdrawn = 0;
    for (const auto& event : two.it.live.told) {
        shown += event.find("Soy un programa.") != std::string::npos;
        withdrawn += event.find("withdrawn") != std::string::npos;
    }
    CHECK(withdrawn == 2);
    CHECK(shown == 3);  // each time that a model began
}

TEST_CASE("a turn that was answered before is not asked again: its own replies go out") {
    InferFixture it;
    it.store.inference.state = Inference::State::answered;
    it.store.inference.replies = {agent_reply_id({}, 0), agent_reply_id({}, 1)};
    CHECK(std::get<Emit>(it.run()).records.size() == 2);
    CHECK(it.calls == 0);
}

TEST_CASE("a turn that is over or erased is not answered") {
    InferFixture it;
    it.store.inference.state = Inference::State::over;
    it.store.inference.reason = "superseded";
    CHECK(std::get<Drop>(it.run()).reason == "superseded");
    it.store.inference.state = Inference::State::erased;
    CHECK(std::get<Drop>(it.run()).reason == "erased");
    CHECK(it.calls == 0);
    CHECK(it.live.told.empty());
}

TEST_CASE("outside of the agent's hours no model is asked, and the turn ends with the sentence for them") {
    InferFixture it;
    it.store.inference.closed = true;
    it.store.failed = {agent_reply_id({}, 0)};
    CHECK(std::get<Emit>(it.run()).records.size() == 1);
    CHECK(it.store.code == "agent.closed");
    CHECK(it.calls == 0);
    it.store.failed.clear();  // a human was quicker
    CHECK(std::get<Drop>(it.run()).reason == "turn ended before its answer");
    it.expires = it.clock.now() - Millis{1};
    CHECK(std::get<Drop>(it.run()).reason == "expired");
}

TEST_CASE("a fallback that was decided before a crash is published again") {
    InferFixture it;
    it.store.inference.state = Inference::State::over;
    it.store.failed = {agent_reply_id({}, 0)};
    CHECK(std::get<Emit>(it.run()).records.size() == 1);
    CHECK(it.calls == 0);
    // the crash may have come before whoever watches was told that a human is called
    REQUIRE(it.live.told.size() == 2);
    CHECK(it.live.told.back().starts_with(desk_channel));
}

TEST_CASE("a turn that may not be answered any more asks no model, and is dropped with that reason") {
    InferFixture it;
    it.error = Error{Fault::transient, "model.unavailable", "away"};
    CHECK_THROWS_AS(it.run(), Failure);
    const int calls = std::exchange(it.calls, 0);
    CHECK(calls == 2);
    it.expires = it.clock.now() - Millis{1};  // the next attempt
    CHECK(std::get<Drop>(it.run()).reason == "expired");
    CHECK(it.store.dropped == "expired");
    CHECK(it.calls == 0);
    CHECK(it.live.told.back().find("withdrawn") != std::string::npos);
}

TEST_CASE("bubbles of an answer that expired unpublished still go to the relay, which closes them") {
    InferFixture it;
    it.expires = it.clock.now() - Millis{1};
    it.store.inference.state = Inference::State::answered;
    it.store.inference.replies = {agent_reply_id({}, 0)};
    CHECK(std::get<Emit>(it.run()).records.size() == 1);
    CHECK(it.store.dropped.empty());
}

TEST_CASE("an answer that came too late is withdrawn and not sent") {
    InferFixture it;
    it.store.wins = false;
    CHECK(std::get<Drop>(it.run()).reason == "turn ended before its answer");
    CHECK(it.live.told.back().find("withdrawn") != std::string::npos);
}

TEST_CASE("a model that fails takes its draft back and says why") {
    InferFixture it;
    it.error = Error{Fault::transient, "model.rate_limited", "slow down", Millis{30'000}};
    try {
        it.run();
        FAIL("nothing was thrown");
    } catch (const Failure& failure) {
        CHECK(failure.error().code == "model.rate_limited");
        CHECK(failure.error().retry_after == Millis{30'000});
    }
    CHECK(it.live.told.back().find("withdrawn") != std::string::npos);
    CHECK(it.store.bubbles.empty());
}

TEST_CASE("an answer without a text is a permanent fault: the customer gets the fallback, not silence") {
    InferFixture it;
    it.text = " \n\n ";
    CHECK_THROWS_AS(it.run(), Failure);
    CHECK(it.store.bubbles.empty());
    CHECK(it.live.told.back().find("withdrawn") != std::string::npos);
}

TEST_CASE("a provider that this installation does not have is a permanent fault that names the agent") {
    InferFixture it;
    it.store.inference.agent.name = "Marta";
    it.store.inference.agent.provider = "elsewhere";
    try {
        it.run();
        FAIL("nothing was thrown");
    } catch (const Failure& failure) {
        CHECK(failure.error().fault == Fault::permanent);
        CHECK(failure.error().code == "model.unknown_provider");
        CHECK(failure.error().text.find("Marta") != std::string::npos);
    }
}

TEST_CASE("giving up fails the turn, so that the customer gets the fallback") {
    InferFixture it;
    it.store.failed = {agent_reply_id({}, 0)};
    const std::vector<Envelope> records{it.request()};
    const Outcome outcome =
        run_task(it.infer.give_up(records, {Fault::permanent, "model.bad_key", "x"}), it.clock);
    CHECK(it.store.code == "model.bad_key");
    CHECK(std::get<Emit>(outcome).records.size() == 1);
}

}  // namespace relevo
