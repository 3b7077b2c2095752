#include "domain/person_book.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "core/ids.hpp"

namespace relevo {

Error too_many_contacts() {
    return {
        Fault::permanent, "person.shared",
        fmt::format("more than {} contacts have a phone number or an e-mail address of theirs: take it from "
                    "those who are somebody else first",
                    most_contacts_of_person)};
}

PersonName parse_person(std::string_view text) {
    if (const auto id = parse_uuid(text)) return {format_uuid(*id), {}, {}};
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) {
        throw Failure({Fault::permanent, "usage.invalid",
                       "expected a contact's id, or channel:address, as whatsapp:+5491155550001"});
    }
    return {{}, std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

}  // namespace relevo
