#pragma once

#include "core/clock.hpp"
#include "domain/model.hpp"

namespace relevo {

/// Answers without a model and without a network: quotes the passages that were found, in Spanish, and says
/// so when nothing was. It claims nothing that is not in a passage, and the same prompt gets the same answer.
/// For the demo, for tests, and for a shop that has no key yet.
class OfflineProvider final : public ModelProvider {
  public:
    /// `pause` is the time between two words, so that the answer can be seen being written; 0: none.
    OfflineProvider(Clock& clock, Millis pause);

    std::string_view name() const override { return "offline"; }
    std::string_view credentials() const override { return {}; }
    Task<Result<Completion>> complete(Prompt prompt, DeltaSink delta) override;

  private:
    Clock& clock_;
    Millis pause_;
};

/// The answer: one to three bubbles with blank lines between them. Pure.
std::string offline_answer(const std::string& question, const std::vector<Passage>& passages);

}  // namespace relevo
