#pragma once

#include <string>
#include <string_view>

#include "core/ids.hpp"

namespace relevo {

/// The tenant that a record's key starts with ("17:…"); TenantId{0} where it names none, as in
/// messages.received, whose keys start with a channel.
TenantId tenant_of_key(std::string_view key);

/// Bytes of a text of hex digits; nothing where it is not one.
std::string from_hex(std::string_view hex);
std::string to_hex(std::string_view bytes);

/// A number as people write it is known as its digits: "+54 9 11 5555-0001". Nothing of what is no number.
std::string digits_of(std::string_view name);

}  // namespace relevo
