#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string_view>

#include "http/url.hpp"

namespace relevo {

// Where a tenant's URL may lead us: to the public internet, never into the operator's own network or machine.
// The reasons are for a person: "is a private address".

/// Why a tenant's URL must not be followed, whatever its name resolves to; or nothing.
std::optional<std::string_view> forbidden_origin(const Origin& origin);

/// Why a tenant must not make us connect there, or nothing. Judged by IANA's registries of special-purpose
/// addresses: whatever they do not call globally reachable is forbidden, and so is what hides another address
/// within.
std::optional<std::string_view> forbidden_address(const boost::asio::ip::address& address);

}  // namespace relevo
