#include "tests/stages/infer.hpp"

#include <doctest/doctest.h>

#include "domain/records.hpp"

namespace relevo {

Task<Inference> ScriptedInferStore::load(TenantId, TurnId, int) {
    co_return inference;
}

Task<CallReservation> ScriptedInferStore::reserve_call(TenantId, TurnId, int, PlannedCall call, SysTime) {
    reserved.push_back(call);
    if (reservations.empty()) co_return CallReservation{};
    const CallReservation next = reservations.front();
    reservations.pop_front();
    co_return next;
}

Task<void> ScriptedInferStore::settle_call(TenantId, TurnId, int, std::string its_code, Usage usage, SysTime,
                                           int attempt) {
    settled.push_back(attempt);
    in_vain.emplace_back(std::move(its_code), usage);
    co_return;
}

Task<std::vector<ReplyId>> ScriptedInferStore::commit_answer(TenantId, TurnId turn, int,
                                                             Completion completion,
                                                             std::vector<std::string> its_bubbles, SysTime,
                                                             std::vector<std::string> its_disclosing) {
    bubbles = its_bubbles;
    disclosing = its_disclosing;
    committed = std::move(completion);
    std::vector<ReplyId> ids;
    for (std::size_t n = 0; wins && n < bubbles.size(); ++n)
        ids.push_back(agent_reply_id(turn, static_cast<int>(n)));
    co_return ids;
}

Task<std::vector<ReplyId>> ScriptedInferStore::fail_turn(TenantId, TurnId, std::string its_code, SysTime) {
    code = its_code;
    co_return failed;
}

Task<void> ScriptedInferStore::drop_turn(TenantId, TurnId, std::string reason, SysTime) {
    dropped = reason;
    co_return;
}

Task<Result<Completion>> FakeModel::complete(Prompt prompt, DeltaSink delta) {
    ++calls;
    CHECK(prompt.key.reveal() == "fake/API_KEY");
    CHECK(prompt.question.find('@') == std::string::npos);
    delta("Hola. ");
    if (error) co_return *error;
    delta(tail);
    Completion completion;
    completion.text = text;
    completion.usage = {30, 7, true};
    co_return completion;
}

Task<Result<Completion>> ScriptedModel::complete(Prompt prompt, DeltaSink delta) {
    calls.push_back(prompt.model + " with " + prompt.key.reveal() + (prompt.bounded ? ", bounded" : ""));
    Turn turn;
    if (!turns.empty()) {
        turn = turns.front();
        turns.pop_front();
    }
    co_await clock.sleep_until(clock.now() + turn.begins);
    if (!turn.silent) delta("Hola. ");
    co_await clock.sleep_until(clock.now() + turn.ends);
    if (turn.error) co_return *turn.error;
    Completion completion;
    completion.text = "Hola de " + prompt.model + ".";
    co_return completion;
}

InferFixture::InferFixture() {
    store.inference.agent.provider = "fake";
    store.inference.channel = "web";
    store.inference.epoch = 4;
}

std::vector<std::unique_ptr<ModelProvider>> InferFixture::list() {
    std::vector<std::unique_ptr<ModelProvider>> out;
    out.push_back(std::make_unique<FakeModel>(error, text, calls));
    return out;
}

Envelope InferFixture::request() const {
    Record record = to_record(TurnStep{{7}, {}, {}, 0}, topics::inferences_requested);
    record.headers.expires = expires;
    return envelope_of(record);
}

Fallback::Fallback() {
    auto& agent = it.store.inference.agent;
    agent.provider = "first";
    agent.model = "uno";
    agent.fallbacks = {{"second", "", "dos", ""}};
    it.store.failed = {agent_reply_id({}, 0)};
}

std::string Fallback::failure() {
    try {
        run();
        return "none";
    } catch (const Failure& problem) {
        return problem.error().code;
    }
}

std::vector<std::unique_ptr<ModelProvider>> Fallback::list() {
    std::vector<std::unique_ptr<ModelProvider>> out;
    out.push_back(std::make_unique<ScriptedModel>("first", first, calls, it.clock));
    out.push_back(std::make_unique<ScriptedModel>("second", second, calls, it.clock));
    return out;
}

}  // namespace relevo
