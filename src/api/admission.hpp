#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

/// What a call of `who`, who has chosen no shop yet, is counted in: the caller's own bucket, and that of the
/// shop that they belong to.
std::vector<PaceBucket> buckets_of(const ApiDocument& document, const Principal& who);
/// Of a shop's call that asks others: the shop's own bucket for that. Nothing for all else.
std::vector<PaceBucket> buckets_of(const ApiOperation& operation, const Principal& who);

/// "user:…", unique among callers of every kind.
std::string caller_of(const Principal& who);

/// Takes one call from all of the buckets, if any; 429 where one is empty.
Task<std::optional<Problem>> check_rate(Pace& pace, std::vector<PaceBucket> buckets);

}  // namespace relevo
