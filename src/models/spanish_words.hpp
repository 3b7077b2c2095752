#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace relevo {

/// The words of `text` in its order: lower case, without accents, a letter repeated at the end once ("Holaaa"
/// is "hola").
std::vector<std::string> spanish_words(std::string_view text);
/// Without the endings of plural and gender, so that "negras" meets "negro".
std::string spanish_stem(std::string_view word);

/// Nothing but a greeting: "¡Hola! ¿Cómo estás?".
bool is_greeting(const std::vector<std::string>& words);
/// Nothing but thanks or a goodbye.
bool is_thanks(const std::vector<std::string>& words);
/// Whether the first word greets.
bool opens_with_greeting(const std::vector<std::string>& words);

/// What a question is about. A passage is found by its subject; a price, a size or a colour alone says
/// little, for every product has one.
struct QuestionStems {
    std::vector<std::string> subject;
    std::vector<std::string> attribute;
};
QuestionStems question_stems(const std::vector<std::string>& words);

}  // namespace relevo
