#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "domain/number_topic.hpp"
#include "domain/personal_kind.hpp"

namespace relevo {

/// A piece of a text that belongs to a person.
struct PersonalText {
    std::size_t at = 0;
    std::size_t size = 0;
    PersonalKind kind = PersonalKind::email;
};

/// Numbers that are known to be a person's, by their digits: a phone that was called so once stays one.
using KnownNumbers = std::map<std::string, PersonalKind, std::less<>>;

/// What a customer's text has of a person, in its order, of all kinds. Numbers with check digits are found by
/// them, phones by how they are written; what could be a price, an order or a size as well only where words
/// near it, or what was `asked` for before, say what it is. In time linear in the text, whatever its bytes.
std::vector<PersonalText> find_personal(std::string_view text, NumberTopic asked = NumberTopic::none,
                                        const KnownNumbers& known = {});

/// E-mail addresses alone; also as people write them who mistype: "ana @gmail.com", "ana arroba gmail punto
/// com".
std::vector<PersonalText> find_emails(std::string_view text);

}  // namespace relevo
