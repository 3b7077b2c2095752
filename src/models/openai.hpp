#pragma once

#include <string>

#include "core/clock.hpp"
#include "domain/http.hpp"
#include "domain/model.hpp"
#include "domain/model_check.hpp"

namespace relevo {

/// Chat completions as OpenAI defined them and Gemini, DeepSeek, Ollama, vLLM and llama.cpp serve them too,
/// by the prompt's base address. Streamed. Used from several threads at once.
class OpenAiProvider final : public ModelProvider, public CheckedProvider {
  public:
    /// `base_url` is where prompts without an address of their own go. `http` and `clock` outlive the
    /// provider.
    OpenAiProvider(std::string base_url, HttpClient& http, Clock& clock);

    std::string_view name() const override { return "openai"; }
    std::string_view credentials() const override { return "openai"; }
    /// Without a key the request carries none: local servers ask for none, others answer 401.
    Task<Result<Completion>> complete(Prompt prompt, DeltaSink delta) override;
    /// Reads the list of models: GET BASE/models.
    Task<ModelCheck> check_model(std::string base_url, std::string model, Secret key) override;

  private:
    // `stated` is empty where ours is meant; without slashes at its end.
    std::string base_of(std::string_view stated) const;

    std::string base_url_;
    HttpClient& http_;
    Clock& clock_;
};

}  // namespace relevo
