#pragma once

#include <string>
#include <string_view>

#include "domain/secret.hpp"

namespace relevo {

/// 16 hex characters (BLAKE2b): the same for the same value in the same place only, so that equal values of
/// two tenants do not show.
std::string fingerprint(const Secret& secret, std::string_view place);
/// Its last four characters; nothing of what is shorter than twelve.
std::string last_characters(const Secret& secret);

}  // namespace relevo
