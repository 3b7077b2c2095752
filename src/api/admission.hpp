#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/document.hpp"
#include "api/problem.hpp"
#include "domain/identity.hpp"
#include "domain/pace.hpp"
#include "domain/request_stores.hpp"

namespace relevo {

/// Who calls, as the headers say: Authorization: Bearer and X-Internal-Secret.
Credentials credentials_of(const HttpRequest& request);

/// Whether `who` may use the operation, once they have chosen their shop.
std::optional<Problem> check_right(const ApiOperation& operation, const Principal& who);

/// The caller at work for the shop that X-Tenant-Id names, or for their own; 404 for any other.
Task<std::optional<Problem>> choose_tenant(Principal& who, std::string wanted, TenantStore& tenants);

/// Takes one call from the bucket; 429 where it is empty.
Task<std::optional<Problem>> check_rate(Pace& pace, std::string bucket, Rate rate);

}  // namespace relevo
