#pragma once

#include <string>
#include <vector>

#include "domain/http.hpp"

namespace relevo {

/// The address that a request comes from. What X-Forwarded-For says counts as far as `proxies` (IP addresses,
/// of our own, as ip_address writes them) have written it: the last of its entries that none of them is.
/// Whoever sends us that header directly is who they are.
std::string client_address(const HttpRequest& request, const std::vector<std::string>& proxies);

}  // namespace relevo
