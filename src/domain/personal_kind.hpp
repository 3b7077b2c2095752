#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace relevo {

/// What of a text belongs to a person and is not shown to a model.
enum class PersonalKind : std::uint8_t { card, iban, national_id, email, phone };
using PersonalKinds = std::set<PersonalKind>;

PersonalKinds all_personal_kinds();
/// As files and rows write it: "national_id".
std::string_view name_of(PersonalKind kind);
std::optional<PersonalKind> personal_kind(std::string_view name);
/// Of all kinds.
const std::vector<std::string>& personal_kind_names();

}  // namespace relevo
