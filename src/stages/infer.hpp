#pragma once

#include "core/clock.hpp"
#include "domain/channel.hpp"
#include "domain/live.hpp"
#include "domain/model.hpp"
#include "domain/records.hpp"
#include "domain/redaction.hpp"
#include "domain/stage.hpp"
#include "domain/stores.hpp"

namespace relevo {

/// inferences.requested → replies.ready: the model call of one step, and the answer as bubbles. Meanwhile the
/// draft is shown live where the channel can, and as typing elsewhere. Where the agent's model is away or too
/// slow its fallbacks are asked, and where all are, for two minutes, the turn ends as failed: with the shop's
/// sentence, or with a human.
class Infer final : public Stage {
  public:
    Infer(InferStore& store, ModelProviders& providers, Channels& channels, Vault& vault, Live& live,
          Clock& clock)
        : store_(store),
          providers_(providers),
          channels_(channels),
          vault_(vault),
          live_(live),
          clock_(clock) {}
    std::string_view name() const override { return "infer"; }
    Task<Outcome> handle(std::span<const Envelope> records) override;
    Task<Outcome> give_up(std::span<const Envelope> records, Error error) override;

  private:
    Task<Result<Completion>> ask_models(const TurnStep& step, const Inference& inference,
                                        const Redaction& redaction, SysTime until);
    Task<Result<Secret>> find_secret(TenantId tenant, std::string category, std::string name);
    Task<Result<Completion>> ask_model(const TurnStep& step, const Inference& inference,
                                       const Redaction& redaction, const std::string& credentials,
                                       Millis within, Millis begins_within);
    Task<void> out_of_patience(const bool& begun, SysTime begins_by, SysTime ends_by);
    Task<Outcome> fail(const TurnStep& step, const Error& error);

    InferStore& store_;
    ModelProviders& providers_;
    Channels& channels_;
    Vault& vault_;
    Live& live_;
    Clock& clock_;
};

}  // namespace relevo
