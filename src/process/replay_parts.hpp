#pragma once

#include <memory>
#include <string>
#include <vector>

#include "domain/channel.hpp"
#include "domain/live.hpp"
#include "domain/model.hpp"
#include "domain/pace.hpp"
#include "domain/stores.hpp"
#include "postgres/database.hpp"
#include "postgres/stores.hpp"
#include "runtime/replay.hpp"

namespace relevo {

// What a replayed stage gets in place of the world.

/// Tells nobody anything.
class DeafLive final : public Live {
  public:
    void publish(std::string_view, std::string) override {}
    std::unique_ptr<Subscription> subscribe(std::string, std::function<void(std::string_view)>) override {
        return std::make_unique<Subscription>();
    }
};

/// Has no secret.
class EmptyVault final : public Vault {
  public:
    Task<Secret> find(TenantId, std::string, std::string) override { co_return Secret(); }
};

/// Nothing is sent, so that no provider's limit is touched.
class NoPace final : public Pace {
  public:
    Task<Millis> take(std::vector<PaceBucket>, Millis) override { co_return Millis{0}; }
};

/// Channels that note what they are told to send, and take it as accepted.
Channels noting_channels(const ChannelLimitsByName& limits, std::vector<ReplayedEffect>& effects);

/// The real store of steps, which knows in addition what the models once answered.
class StoredSteps final : public InferStore {
  public:
    StoredSteps(std::unique_ptr<InferStore> store, Database& database)
        : store_(std::move(store)), database_(database) {}

    Task<Inference> load(TenantId tenant, TurnId turn, int step) override;
    /// What is stored costs nothing.
    Task<CallReservation> reserve_call(TenantId tenant, TurnId turn, int step, PlannedCall call,
                                       SysTime now) override;
    Task<void> settle_call(TenantId tenant, TurnId turn, int step, std::string code, Usage usage, SysTime now,
                           int attempt) override;
    Task<std::vector<ReplyId>> commit_answer(TenantId tenant, TurnId turn, int step, Completion completion,
                                             std::vector<std::string> bubbles, SysTime now,
                                             std::vector<std::string> disclosing) override;
    Task<std::vector<ReplyId>> fail_turn(TenantId tenant, TurnId turn, std::string code,
                                         SysTime now) override;
    Task<void> drop_turn(TenantId tenant, TurnId turn, std::string reason, SysTime now) override;

    /// Of the step that was loaded last. A turn that was never answered has none: "replay.no_answer".
    Task<Result<Completion>> stored_answer();
    /// Of the agent of that step.
    const std::string& provider() const { return provider_; }

  private:
    std::unique_ptr<InferStore> store_;
    Database& database_;
    TenantId tenant_;
    std::string request_;
    std::string provider_;
};

/// The one model that the loaded steps name, which answers from what is stored of them.
ModelProviders stored_models(StoredSteps& steps, std::vector<ReplayedEffect>& effects);

}  // namespace relevo
