#include "core/json_object.hpp"
#include "postgres/accounts.hpp"
#include "postgres/inference.hpp"
#include "postgres/json.hpp"
#include "postgres/stores.hpp"

namespace relevo {
namespace {

std::string usage_json(const Usage& usage) {
    return JsonObject()
        .number("input_tokens", usage.input_tokens)
        .number("output_tokens", usage.output_tokens)
        .number("cached_tokens", usage.cached_tokens)
        .flag("reported", usage.reported)
        .str();
}

// None: the step's newest call that nobody settled.
void add_attempt(JsonObject& request, int attempt) {
    if (attempt > 0) request.number("attempt", attempt);
}

CallReservation parse_reservation(const std::string& result) {
    const Json json = Json::parse(result);
    const std::string state = json.text("state");
    CallReservation reservation;
    reservation.state = state == "granted" ? CallReservation::State::granted
                        : state == "wait"  ? CallReservation::State::wait
                                           : CallReservation::State::refused;
    reservation.reason = json.text("reason");
    reservation.spent = {json.text("period"), json.number("hard"), json.number("spent"), json.number("asked"),
                         json.text("currency")};
    reservation.attempt = static_cast<int>(json.number("attempt"));
    reservation.bounded = json.flag("bounded");
    return reservation;
}

std::string completion_json(const Completion& completion) {
    std::vector<std::string> in_vain;
    for (const auto& [provider, model, code] : completion.in_vain) {
        in_vain.push_back(
            JsonObject().text("provider", provider).text("model", model).text("code", code).str());
    }
    return JsonObject()
        .text("text", completion.text)
        .text("finish_reason", completion.finish_reason)
        .text("provider", completion.provider)
        .text("model", completion.model)
        .raw("in_vain", json_array(in_vain))
        .text("response_id", completion.response_id)
        .raw("usage", usage_json(completion.usage))
        .str();
}

std::string bubbles_json(TurnId turn, const std::vector<std::string>& bubbles) {
    std::vector<std::string> items;
    for (std::size_t i = 0; i < bubbles.size(); ++i) {
        items.push_back(
            JsonObject().id("id", agent_reply_id(turn, static_cast<int>(i))).text("text", bubbles[i]).str());
    }
    return json_array(items);
}

class PostgresInferStore final : public InferStore {
  public:
    explicit PostgresInferStore(Database& database) : database_(database) {}

    Task<Inference> load(TenantId tenant, TurnId turn, int step) override {
        std::string request = JsonObject().id("turn", turn).number("step", step).str();
        const std::string result = co_await database_.call("load_inference", tenant, std::move(request));
        co_return parse_inference(result);
    }

    Task<CallReservation> reserve_call(TenantId tenant, TurnId turn, int step, PlannedCall call,
                                       SysTime now) override {
        std::string request = JsonObject()
                                  .id("turn", turn)
                                  .number("step", step)
                                  .text("provider", call.provider)
                                  .text("base_url", call.base_url)
                                  .text("model", call.model)
                                  .flag("free", call.free)
                                  .number("input", call.input_tokens)
                                  .number("output", call.output_tokens)
                                  .number("lease_ms", reservation_lease.count())
                                  .time("now", now)
                                  .str();
        const std::string result = co_await database_.call("reserve_call", tenant, std::move(request));
        co_return parse_reservation(result);
    }

    Task<void> settle_call(TenantId tenant, TurnId turn, int step, std::string code, Usage usage, SysTime now,
                           int attempt) override {
        JsonObject request;
        request.id("turn", turn)
            .number("step", step)
            .text("code", code)
            .raw("usage", usage_json(usage))
            .time("now", now);
        add_attempt(request, attempt);
        co_await database_.call("settle_call", tenant, request.str());
    }

    Task<std::vector<ReplyId>> commit_answer(TenantId tenant, TurnId turn, int step, Completion completion,
                                             std::vector<std::string> bubbles, SysTime now,
                                             std::vector<std::string> disclosing) override {
        JsonObject request;
        request.id("turn", turn)
            .number("step", step)
            .raw("completion", completion_json(completion))
            .raw("bubbles", bubbles_json(turn, bubbles))
            .time("now", now);
        if (!disclosing.empty() && disclosing != bubbles)
            request.raw("disclosing", bubbles_json(turn, disclosing));
        add_attempt(request, completion.attempt);
        const std::string result = co_await database_.call("commit_answer", tenant, request.str());
        co_return parse_replies(result);
    }

    Task<std::vector<ReplyId>> fail_turn(TenantId tenant, TurnId turn, std::string code,
                                         SysTime now) override {
        return relevo::fail_turn(database_, tenant, turn, std::move(code), now);
    }

    Task<void> drop_turn(TenantId tenant, TurnId turn, std::string reason, SysTime now) override {
        return relevo::drop_turn(database_, tenant, turn, std::move(reason), now);
    }

  private:
    Database& database_;
};

}  // namespace

std::unique_ptr<InferStore> make_infer_store(Database& database) {
    return std::make_unique<PostgresInferStore>(database);
}

}  // namespace relevo
