#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "domain/number_topic.hpp"
#include "domain/personal_kind.hpp"
#include "domain/personal_text.hpp"

namespace relevo {

/// What of a conversation a model is not shown: each piece that belongs to a person is a placeholder there,
/// "[EMAIL_1]", "[NATIONAL_ID_2]", the same for the same text, numbered in the order of `redact`. The model's
/// answer gets them back. The same calls give the same placeholders: nothing of this is stored.
class Redaction {
  public:
    explicit Redaction(PersonalKinds hidden) : hidden_(std::move(hidden)) {}

    /// The shop's own words, which a model reads as they are: what is in them is nobody's secret and stays.
    /// So does each of their numbers, as a product's may look like a phone's.
    void keep(std::string_view text);
    /// To be called with every text before the first `redact`: placeholders that somebody wrote are not used,
    /// and a number that is called a phone in one text is one in all of them.
    void learn(std::string_view text, NumberTopic asked = NumberTopic::none);
    std::string redact(std::string_view text, NumberTopic asked = NumberTopic::none);
    /// The same for a JSON value, which stays one: a number that is hidden becomes a string.
    std::string redact_json(std::string_view json);
    /// With what its placeholders stand for. A model may have written them its own way ("[Email 1]"); one
    /// that stands for nothing stays.
    std::string restore(std::string_view answer) const;
    /// Nothing was hidden.
    bool empty() const { return originals_.empty(); }

  private:
    using Place = std::pair<PersonalKind, int>;

    void take(std::string_view text);
    bool hides(std::string_view found, PersonalKind kind) const;
    const std::string& placeholder(std::string_view found, PersonalKind kind);

    PersonalKinds hidden_;
    std::set<std::string, std::less<>> kept_;  // in capitals, without what stands between letters and digits
    KnownNumbers known_;
    std::set<Place> taken_;  // by placeholders that are in the texts
    std::map<PersonalKind, int> last_;
    std::map<std::string, std::string, std::less<>> placeholders_;  // by what they stand for
    std::map<Place, std::string> originals_;
};

/// Of all kinds, for what others than the shop read: errors and logs.
std::string without_personal(std::string_view text);

/// Restores an answer while it is written. What may become a placeholder is kept back.
class RestoringStream {
  public:
    explicit RestoringStream(const Redaction& redaction) : redaction_(redaction) {}

    /// What can be shown of the answer after this part. All parts and `rest` together are the answer,
    /// restored.
    std::string add(std::string_view part);
    std::string rest();

  private:
    const Redaction& redaction_;
    std::string held_;
};

}  // namespace relevo
