#pragma once

#include <string>
#include <vector>

#include "domain/identity_stores.hpp"

namespace relevo {

/// What a try to sign in counts against, until it succeeds: the address it comes from, that address and the
/// account together, and the account from wherever it is tried. Unknown accounts are counted as known ones.
std::vector<AttemptLimit> limits_of_sign_in(std::string email, const std::string& address);

}  // namespace relevo
