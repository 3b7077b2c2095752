#include "domain/turn_replay.hpp"

#include <doctest/doctest.h>

using namespace relevo;

namespace {

StoredTurn stored() {
    StoredTurn turn;
    turn.inference.agent.provider = "openai";
    turn.inference.agent.base_url = "https://models.example/v1";
    turn.inference.agent.model = "old";
    turn.inference.agent.prompt = "Sos amable.";
    turn.inference.history = {{HistoryLine::Author::contact, "¿hay puntas?", true}};
    turn.steps = {{"Sí.", "stop", "old", "r1", {100, 10, true}}};
    return turn;
}

Completion answer(std::string text) {
    return {std::move(text), "stop", "new", "r2", {90, 12, true}};
}

using Differences = std::vector<std::string>;

}  // namespace

TEST_CASE("without a change a turn is asked as it was frozen") {
    const Inference asked = changed(stored().inference, {});
    CHECK(asked.agent.model == "old");
    CHECK(asked.agent.prompt == "Sos amable.");
    CHECK(asked.agent.base_url == "https://models.example/v1");
}

TEST_CASE("a change is of the prompt, the model or the provider, whose address goes with it") {
    TurnReplay replay;
    replay.prompt = "Sos breve.";
    replay.model = "new";
    CHECK(changed(stored().inference, replay).agent.prompt == "Sos breve.");
    CHECK(changed(stored().inference, replay).agent.base_url == "https://models.example/v1");
    replay.provider = "offline";
    CHECK(changed(stored().inference, replay).agent.provider == "offline");
    CHECK(changed(stored().inference, replay).agent.base_url == "");
}

TEST_CASE("the same words are the same answer, whatever blanks stand around them") {
    const auto same = compare(stored(), stored().inference, answer(" Sí.\n"));
    CHECK(same.differences.empty());
    CHECK(same.question == "¿hay puntas?");
    CHECK(same.after.usage.output_tokens == 12);
    CHECK(compare(stored(), stored().inference, answer("No.")).differences == Differences{"answer"});
}

TEST_CASE("an answer from before anything was hidden is the same as one with placeholders") {
    StoredTurn turn = stored();
    turn.inference.history = {{HistoryLine::Author::contact, "soy ana@x.com", true}};
    turn.steps.back().text = "Hola, ana@x.com.";
    const auto same = compare(turn, turn.inference, answer("Hola, [EMAIL_1]."));
    CHECK(same.differences.empty());
    CHECK(same.question == "soy [EMAIL_1]");
    CHECK(same.after.text == "Hola, [EMAIL_1].");
    CHECK(compare(turn, turn.inference, answer("Hola, [EMAIL_2].")).differences == Differences{"answer"});
}

TEST_CASE("where a fallback answered, it is named and not the agent's own model") {
    StoredTurn turn = stored();
    CHECK(compare(turn, turn.inference, answer("Sí.")).before.provider == "openai");
    turn.steps.back().provider = "offline";
    CHECK(compare(turn, turn.inference, answer("Sí.")).before.provider == "offline");
}

TEST_CASE("recorded calls of tools that a replay does not make are a difference") {
    StoredTurn turn = stored();
    turn.steps.insert(turn.steps.begin(), {"", "tool_calls", "old", "r0", {50, 5, true}});
    turn.tools = {{"find_order", "{\"id\":1}", "{\"state\":\"sent\"}", "done"}};
    const auto replayed = compare(turn, turn.inference, answer("Sí."));
    CHECK(replayed.differences == Differences{"tool calls"});
    CHECK(replayed.before.usage.input_tokens == 150);
    CHECK(replayed.before.text == "Sí.");
}

TEST_CASE("an answer that asks for tools diverges where nobody recorded their results") {
    Completion asks = answer("");
    asks.finish_reason = "tool_calls";
    const auto replayed = compare(stored(), stored().inference, asks);
    CHECK(replayed.differences == Differences{"answer", "finish reason", "tool results"});
}

TEST_CASE("a model that fails is told as such, and differs in nothing") {
    const auto replayed =
        compare(stored(), stored().inference, Error{Fault::transient, "model.unavailable", "no answer"});
    REQUIRE(replayed.failed);
    CHECK(replayed.failed->code == "model.unavailable");
    CHECK(replayed.differences.empty());
    CHECK(replayed.after.text == "");
}
