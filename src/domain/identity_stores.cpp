#include "domain/identity_stores.hpp"

#include <string_view>

namespace relevo {

UuidBytes draw_uuid(Random& random) {
    std::string hex = random.hex(16);
    // RFC 9562, 5.4: version 4, and the variant
    hex[12] = '4';
    hex[16] = "89ab"[std::string_view("0123456789abcdef").find(hex[16]) % 4];
    for (const std::size_t place : {20, 16, 12, 8}) hex.insert(place, 1, '-');
    return parse_uuid(hex).value();
}

Actor actor_of(const Principal& principal, std::string trace) {
    // an operator makes a shop's first administrator, who may do more there
    const Permissions may = principal.runs_installation() ? Permissions::all() : principal.permissions();
    return {std::string(name_of(principal.kind())), principal.id(), principal.name(), std::move(trace), may};
}

}  // namespace relevo
