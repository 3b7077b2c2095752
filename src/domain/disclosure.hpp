#pragma once

#include <string>
#include <string_view>

namespace relevo {

// What an agent discloses of itself ("Soy la asistente virtual de Danza.") begins its first answer in a
// conversation, whatever the model writes. Which answer that is the database's is_first_answer decides.

/// The answer with the sentence before it, as a paragraph of its own; as it is where it begins with the
/// sentence already, whatever its case, accents, blanks and punctuation, or where the sentence is blank.
std::string disclosed(std::string_view answer, std::string_view sentence);

/// The same while the answer is written. What may become the sentence is kept back.
class DisclosingStream {
  public:
    /// A blank sentence: everything passes as it is.
    explicit DisclosingStream(std::string_view sentence);

    /// What can be shown after this part. All parts and `rest` together are the answer, disclosed.
    std::string add(std::string_view part);
    std::string rest();

  private:
    std::string sentence_;  // empty: said, or nothing to say
    std::string words_;     // of the sentence
    std::string held_;
};

}  // namespace relevo
