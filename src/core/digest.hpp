#pragma once

#include <array>
#include <string>
#include <string_view>

namespace relevo {

using Sha256 = std::array<unsigned char, 32>;

Sha256 sha256(std::string_view bytes);
/// In lower case.
std::string sha256_hex(std::string_view bytes);
/// Whether both are the same, in a time that depends on the length of each and on nothing else.
bool same_in_constant_time(std::string_view one, std::string_view other);

}  // namespace relevo
