#include "domain/token_bound.hpp"

#include <doctest/doctest.h>

using namespace relevo;

namespace {

Prompt prompt_of(const std::vector<std::string>& texts) {
    Prompt prompt;
    for (const auto& text : texts) prompt.messages.push_back({PromptMessage::Role::user, text});
    return prompt;
}

}  // namespace

TEST_CASE("no tokenizer makes more of a prompt than its bytes and what stands around its messages") {
    CHECK(most_input_tokens(prompt_of({})) > 0);
    const std::string emoji = "👩‍👩‍👧‍👦";  // some tokenizers make a token of each byte
    CHECK(most_input_tokens(prompt_of({emoji, emoji})) - most_input_tokens(prompt_of({emoji})) >
          static_cast<std::int64_t>(emoji.size()));
}

TEST_CASE("about four characters are a token, whatever bytes they take") {
    CHECK(likely_tokens("") == 0);
    CHECK(likely_tokens("hola") == 1);
    CHECK(likely_tokens("ñandú") == 2);
    CHECK(likely_input_tokens(prompt_of({"hola", "¿qué tal?"})) == 4);
}

TEST_CASE("a call that failed is billed where the model had begun to work") {
    const auto usage = [](const char* code, const char* heard = "") {
        return usage_of_failure({Fault::transient, code, ""}, 100, heard);
    };
    for (const auto* code : {"model.timeout", "model.broken_stream", "model.refused", "model.empty"}) {
        CAPTURE(code);
        CHECK(usage(code).input_tokens == 100);
        CHECK(usage(code).output_tokens == 0);
        CHECK(usage(code, "hola").output_tokens == 1);
        CHECK_FALSE(usage(code).reported);
    }
    for (const auto* code : {"model.unavailable", "model.rate_limited", "model.bad_key", "model.quota"}) {
        CAPTURE(code);
        CHECK(usage(code).input_tokens == 0);
        CHECK(usage(code).output_tokens == 0);
        // whose stream ended with it
        CHECK(usage(code, "hola").input_tokens == 100);
        CHECK(usage(code, "hola").output_tokens == 1);
    }
}
