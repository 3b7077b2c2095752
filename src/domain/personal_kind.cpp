#include "domain/personal_kind.hpp"

#include <algorithm>

namespace relevo {

PersonalKinds all_personal_kinds() {
    return {PersonalKind::card, PersonalKind::iban, PersonalKind::national_id, PersonalKind::email,
            PersonalKind::phone};
}

std::string_view name_of(PersonalKind kind) {
    switch (kind) {
        case PersonalKind::card:
            return "card";
        case PersonalKind::iban:
            return "iban";
        case PersonalKind::national_id:
            return "national_id";
        case PersonalKind::email:
            return "email";
        case PersonalKind::phone:
            return "phone";
    }
    return "";
}

std::optional<PersonalKind> personal_kind(std::string_view name) {
    for (const PersonalKind kind : all_personal_kinds()) {
        if (name_of(kind) == name) return kind;
    }
    return std::nullopt;
}

const std::vector<std::string>& personal_kind_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> out;
        for (const PersonalKind kind : all_personal_kinds()) out.emplace_back(name_of(kind));
        return out;
    }();
    return names;
}

}  // namespace relevo
