#include "domain/token_bound.hpp"

#include <algorithm>
#include <array>

#include "core/utf8.hpp"

namespace relevo {
namespace {

// OpenAI counts 3 for each message and 3 for where the answer begins; other dialects take more.
constexpr std::int64_t tokens_around_message = 16;
constexpr std::int64_t tokens_around_prompt = 64;

// The model had begun, or may have. All other faults come before any work.
constexpr std::array<std::string_view, 4> worked{"model.timeout", "model.broken_stream", "model.refused",
                                                 "model.empty"};

}  // namespace

std::int64_t most_input_tokens(const Prompt& prompt) {
    std::int64_t tokens = tokens_around_prompt;
    for (const auto& message : prompt.messages)
        tokens += static_cast<std::int64_t>(message.text.size()) + tokens_around_message;
    return tokens;
}

std::int64_t likely_tokens(std::string_view text) {
    return static_cast<std::int64_t>((count_code_points(text) + 3) / 4);
}

std::int64_t likely_input_tokens(const Prompt& prompt) {
    std::int64_t tokens = 0;
    for (const auto& message : prompt.messages) tokens += likely_tokens(message.text);
    return tokens;
}

Usage usage_of_failure(const Error& error, std::int64_t input_tokens, std::string_view heard) {
    // a fault in the midst of a stream may have any code
    if (heard.empty() && std::ranges::find(worked, error.code) == worked.end()) return {};
    return {input_tokens, likely_tokens(heard), false};
}

}  // namespace relevo
