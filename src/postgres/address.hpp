#pragma once

#include <string>

namespace relevo {

/// The URL with what we want of libpq where it says nothing else: a server that does not answer is given up
/// after 2 s, a peer that vanished is noticed after about 10 s instead of two hours.
std::string with_defaults(std::string url);

}  // namespace relevo
