#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

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

/// Servers in the operator's own network perhaps, where tenants may lead us all the same.
class TrustedAddresses {
  public:
    /// Each "host:port", such as "models.internal:8000". Throws Failure "http.trusted_address" for what is
    /// none.
    explicit TrustedAddresses(const std::vector<std::string>& addresses);
    bool contains(const Origin& origin) const { return origins_.contains(origin.to_string()); }

  private:
    std::set<std::string> origins_;
};

/// Why a tenant must not state this URL, in words for a person, or "". What its name resolves to is judged
/// only when it is called.
std::string stated_url_mistake(std::string_view url, const TrustedAddresses& trusted);

}  // namespace relevo
