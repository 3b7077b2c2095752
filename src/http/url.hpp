#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relevo {

/// Where a call goes.
struct Origin {
    bool tls = false;
    std::string host;  ///< in lower case; an IPv6 address without its brackets
    std::string port;
    bool guarded = true;  ///< only to an address of the public internet; see address_guard.hpp
    auto operator<=>(const Origin&) const = default;
    std::string to_string() const { return host + ":" + port; }
};

/// An http or https URL, taken apart.
struct Url {
    Origin origin;
    std::string target;  ///< path and query, as a request line has them
};

/// Nothing where it is none, and for what only misleads in one: user information, an escape in the host, port
/// 0.
std::optional<Url> parse_url(std::string_view text);

}  // namespace relevo
