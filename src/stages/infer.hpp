#pragma once

#include "core/clock.hpp"
#include "domain/channel.hpp"
#include "domain/live.hpp"
#include "domain/model.hpp"
#include "domain/stage.hpp"
#include "domain/stores.hpp"

namespace relevo {

/// inferences.requested → replies.ready: the model call of one step, and the answer as bubbles. Meanwhile the
/// draft is shown live where the channel can, and as typing elsewhere.
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
    Task<Completion> call_model(TenantId tenant, ConversationId conversation, TurnId turn,
                                Inference inference);

    InferStore& store_;
    ModelProviders& providers_;
    Channels& channels_;
    Vault& vault_;
    Live& live_;
    Clock& clock_;
};

}  // namespace relevo
