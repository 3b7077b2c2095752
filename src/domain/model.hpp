#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/task.hpp"
#include "domain/secret.hpp"

namespace relevo {

/// A piece of the shop's knowledge that was found for a turn.
struct Passage {
    std::string source;  ///< "catalogue", a document's name…
    std::string title;
    std::string text;
    double score = 0;  ///< comparable within one search only
};

struct PromptMessage {
    enum class Role { system, user, assistant } role;
    std::string text;
};

/// One model call. `messages` is what a network model gets; `question` and `passages` are the same content
/// for a provider that answers without one.
struct Prompt {
    std::string base_url;  ///< "https://api.example.com/v1"; empty: the provider's default
    std::string model;
    Secret key;
    double temperature = 0.7;
    int max_output_tokens = 1'024;
    bool bounded = false;  ///< not asked for at all where the provider takes no limit of its tokens
    Millis deadline{90'000};
    std::vector<PromptMessage> messages;
    std::string question;
    std::vector<Passage> passages;
};

struct Usage {
    std::int64_t input_tokens = 0;
    std::int64_t output_tokens = 0;
    bool reported = false;           ///< false: the provider said nothing and the numbers are estimates
    std::int64_t cached_tokens = 0;  ///< of the input: billed for less
};

/// A model that was asked in vain.
struct ModelFailure {
    std::string provider;
    std::string model;
    std::string code;
};

struct Completion {
    std::string text;
    std::string finish_reason;  ///< stop | length | content_filter | tool_calls
    std::string model;          ///< as the provider names what answered
    std::string response_id;
    Usage usage;
    std::string provider{};               ///< our name of the provider that answered
    std::vector<ModelFailure> in_vain{};  ///< who was asked before, in that order
    int attempt = 0;                      ///< the call that was reserved for it (see CallReservation)
};

/// Gets the answer's text in parts, as it is written.
using DeltaSink = std::function<void(std::string_view)>;

class ModelProvider {
  public:
    virtual ~ModelProvider() = default;
    virtual std::string_view name() const = 0;
    /// The category of the tenant's credentials with the key ("openai"); empty where none is needed.
    virtual std::string_view credentials() const = 0;
    /// Errors: model.rate_limited, model.unavailable, model.timeout, model.broken_stream (transient);
    /// model.bad_key, model.bad_address, model.refused, model.bad_request, model.quota, model.unbounded (the
    /// prompt is to be bounded, and its model refuses every limit; permanent).
    virtual Task<Result<Completion>> complete(Prompt prompt, DeltaSink delta) = 0;
};

class ModelProviders {
  public:
    explicit ModelProviders(std::vector<std::unique_ptr<ModelProvider>> providers);
    ModelProvider* find(std::string_view name) const;
    std::vector<std::string> names() const;

  private:
    std::vector<std::unique_ptr<ModelProvider>> providers_;
};

}  // namespace relevo
