#pragma once

#include <cstdint>
#include <string_view>

#include "domain/model.hpp"

namespace relevo {

/// More tokens than any model's tokenizer makes of the prompt: they are made of bytes, and none is of less
/// than one. Each message has a few around it.
std::int64_t most_input_tokens(const Prompt& prompt);

/// About as many as a tokenizer makes: four characters each, in the languages of our shops.
std::int64_t likely_tokens(std::string_view text);
std::int64_t likely_input_tokens(const Prompt& prompt);

/// What a call that failed is likely billed for: nothing where the model did no work, else the whole prompt
/// and what was heard of the answer.
Usage usage_of_failure(const Error& error, std::int64_t input_tokens, std::string_view heard);

}  // namespace relevo
