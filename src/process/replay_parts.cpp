#include "process/replay_parts.hpp"

#include "core/json_object.hpp"
#include "postgres/inference.hpp"
#include "postgres/json.hpp"

namespace relevo {
namespace {

constexpr std::string_view the_model = "stored";

Error not_here(std::string what) {
    return {Fault::permanent, "replay.refused", "a replay has no " + std::move(what)};
}

class NotingChannel final : public Channel {
  public:
    NotingChannel(std::string name, ChannelLimits limits, std::vector<ReplayedEffect>& effects)
        : name_(std::move(name)), limits_(limits), effects_(effects) {}

    std::string_view name() const override { return name_; }
    ChannelLimits limits() const override { return limits_; }
    std::string_view credentials() const override { return {}; }
    std::string_view verification_secret() const override { return {}; }
    Result<void> verify(const HttpRequest&, const Secret&) const override { return not_here("webhooks"); }
    Result<Parsed> parse(const HttpRequest&) const override { return not_here("webhooks"); }
    Task<Sent> send(Outbound bubble, DeliveryPermit permit) override {
        effects_.push_back({"send " + name_, JsonObject()
                                                 .id("reply", bubble.reply)
                                                 .number("attempt", permit.attempt())
                                                 .text("account", bubble.account)
                                                 .text("to", bubble.to.value)
                                                 .text("text", bubble.text)
                                                 .str()});
        co_return Sent{Sent::State::accepted, "replayed", {}};
    }

  private:
    std::string name_;
    ChannelLimits limits_;
    std::vector<ReplayedEffect>& effects_;
};

class StoredModel final : public ModelProvider {
  public:
    StoredModel(StoredSteps& steps, std::vector<ReplayedEffect>& effects)
        : steps_(steps), effects_(effects) {}

    std::string_view name() const override { return the_model; }
    std::string_view credentials() const override { return {}; }
    Task<Result<Completion>> complete(Prompt prompt, DeltaSink) override {
        effects_.push_back({"model " + steps_.provider(),
                            JsonObject()
                                .text("model", prompt.model)
                                .number("messages", static_cast<std::int64_t>(prompt.messages.size()))
                                .text("question", prompt.question)
                                .str()});
        return steps_.stored_answer();
    }

  private:
    StoredSteps& steps_;
    std::vector<ReplayedEffect>& effects_;
};

}  // namespace

Channels noting_channels(const ChannelLimitsByName& limits, std::vector<ReplayedEffect>& effects) {
    std::vector<std::unique_ptr<Channel>> channels;
    for (const auto& [name, limit] : limits) {
        channels.push_back(std::make_unique<NotingChannel>(name, limit, effects));
    }
    return Channels(std::move(channels));
}

ModelProviders stored_models(StoredSteps& steps, std::vector<ReplayedEffect>& effects) {
    std::vector<std::unique_ptr<ModelProvider>> models;
    models.push_back(std::make_unique<StoredModel>(steps, effects));
    return ModelProviders(std::move(models));
}

Task<Inference> StoredSteps::load(TenantId tenant, TurnId turn, int step) {
    tenant_ = tenant;
    request_ = JsonObject().id("turn", turn).number("step", step).str();
    Inference inference = co_await store_->load(tenant, turn, step);
    provider_ = std::exchange(inference.agent.provider, std::string(the_model));
    inference.agent.fallbacks.clear();  // whoever answered then, it is what is stored
    co_return inference;
}

Task<CallReservation> StoredSteps::reserve_call(TenantId, TurnId, int, PlannedCall, SysTime) {
    co_return CallReservation{};
}

Task<void> StoredSteps::settle_call(TenantId, TurnId, int, std::string, Usage, SysTime, int) {
    co_return;
}

Task<std::vector<ReplyId>> StoredSteps::commit_answer(TenantId tenant, TurnId turn, int step,
                                                      Completion completion, std::vector<std::string> bubbles,
                                                      SysTime now, std::vector<std::string> disclosing) {
    return store_->commit_answer(tenant, turn, step, std::move(completion), std::move(bubbles), now,
                                 std::move(disclosing));
}

Task<std::vector<ReplyId>> StoredSteps::fail_turn(TenantId tenant, TurnId turn, std::string code,
                                                  SysTime now) {
    return store_->fail_turn(tenant, turn, std::move(code), now);
}

Task<void> StoredSteps::drop_turn(TenantId tenant, TurnId turn, std::string reason, SysTime now) {
    return store_->drop_turn(tenant, turn, std::move(reason), now);
}

Task<Result<Completion>> StoredSteps::stored_answer() {
    const std::string result = co_await database_.call("stored_answer", tenant_, request_);
    const Json stored = Json::parse(result);
    if (stored.null()) {
        co_return Error{Fault::permanent, "replay.no_answer",
                        "no answer of the model is stored for this step: only a worker asks it"};
    }
    co_return parse_completion(stored);
}

}  // namespace relevo
