#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "domain/secret.hpp"

namespace relevo {

/// What is left of a name that was erased: 32 hex characters of HMAC-SHA256 over the parts, each preceded by
/// its length. The same name has the same mark; without the key nobody finds the name by trying all there
/// are, as of telephone numbers one could.
std::string mark(const Secret& key, std::initializer_list<std::string_view> parts);

}  // namespace relevo
