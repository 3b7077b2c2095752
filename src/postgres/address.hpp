#pragma once

#include <string>
#include <string_view>

namespace relevo {

/// The URL with what we want of libpq where it says nothing else: a server that does not answer is given up
/// after 2 s, a peer that vanished is noticed after about 10 s instead of two hours.
std::string with_defaults(std::string url);

/// The URL of a connection at an operator's terminal: acting() says so. Where it has options of its own, or
/// the name has other characters than letters, digits and "._-", it stays as it is.
std::string for_operator(std::string url, std::string_view user);

}  // namespace relevo
