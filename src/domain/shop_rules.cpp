#include "domain/shop_rules.hpp"

#include <algorithm>

namespace relevo {

std::size_t characters_of(std::string_view text) {
    const auto begins_one = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; };
    return static_cast<std::size_t>(std::ranges::count_if(text, begins_one));
}

std::vector<std::string> names_of(const PersonalKinds& kinds) {
    std::vector<std::string> names;
    for (const PersonalKind kind : kinds) names.emplace_back(name_of(kind));
    return names;
}

PersonalKinds kinds_of(const std::vector<std::string>& names) {
    PersonalKinds kinds;
    for (const auto& name : names) {
        if (const auto kind = personal_kind(name)) kinds.insert(*kind);
    }
    return kinds;
}

}  // namespace relevo
