#include "api/admission.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace relevo {
namespace {

constexpr std::string_view scheme = "bearer ";

bool is_bearer(std::string_view header) {
    const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; };
    return header.size() > scheme.size() && std::ranges::equal(header.substr(0, scheme.size()), scheme, same);
}

// In braces, as Pace wants what is taken from at once.
std::string shop_of(const Principal& who) {
    return who.tenant() ? "{api:" + who.tenant()->to_string() + "}" : "{api}";
}

}  // namespace

Credentials credentials_of(const HttpRequest& request) {
    Credentials credentials;
    const auto authorization = request.header("Authorization");
    if (is_bearer(authorization))
        credentials.bearer = Secret(std::string(authorization.substr(scheme.size())));
    credentials.internal = Secret(std::string(request.header("X-Internal-Secret")));
    return credentials;
}

std::optional<Problem> check_right(const ApiOperation& operation, const Principal& who) {
    if (!operation.callers.contains(who.kind())) {
        std::string others;
        for (const auto kind : operation.callers)
            others += (others.empty() ? "" : ", ") + std::string(name_of(kind));
        return Problem{403, "api.wrong_caller",
                       fmt::format("this is not for callers of the kind {}; it serves: {}",
                                   name_of(who.kind()), others)};
    }
    if (!operation.permission) return std::nullopt;
    if (!who.tenant() && operation.of_installation && who.runs_installation()) return std::nullopt;
    if (!who.tenant()) {
        Problem problem{400, "api.no_tenant",
                        "the call is for a shop and does not say which; send X-Tenant-Id"};
        problem.flaws.push_back({{}, "X-Tenant-Id", "the shop's id; GET /v1/tenants lists them"});
        return problem;
    }
    if (who.permissions().covers(*operation.permission)) return std::nullopt;
    return Problem{
        403, "api.not_permitted",
        fmt::format("this needs the permission {}; {}", operation.permission_name,
                    who.runs_installation() ? "operators do not have it: a user of the shop does this"
                                            : "ask an administrator of the shop for a role with it")};
}

Task<std::optional<Problem>> choose_tenant(Principal& who, std::string wanted, TenantStore& tenants) {
    if (wanted.empty()) co_return std::nullopt;
    TenantId tenant;
    std::from_chars(wanted.data(), wanted.data() + wanted.size(), tenant.value);
    auto chosen = who.within(tenant);
    if (!chosen) co_return not_found("Tenant", wanted);
    if (!who.tenant()) {
        const auto row = co_await tenants.find(tenant);
        if (!row) co_return not_found("Tenant", wanted);
    }
    who = std::move(*chosen);
    co_return std::nullopt;
}

std::string caller_of(const Principal& who) {
    return std::string(name_of(who.kind())) + ":" + who.id();
}

std::vector<PaceBucket> buckets_of(const ApiDocument& document, const Principal& who) {
    const std::string shop = shop_of(who);
    std::vector<PaceBucket> buckets{{shop + ":" + caller_of(who), document.caller_rate()}};
    if (who.tenant()) buckets.push_back({shop, document.tenant_rate()});
    return buckets;
}

std::vector<PaceBucket> buckets_of(const ApiOperation& operation, const Principal& who) {
    if (!operation.rate || !who.tenant()) return {};
    return {{shop_of(who) + ":" + operation.rate_name, *operation.rate}};
}

Task<std::optional<Problem>> check_rate(Pace& pace, std::vector<PaceBucket> buckets) {
    if (buckets.empty()) co_return std::nullopt;
    const Millis wait = co_await pace.take(std::move(buckets), Millis{0});
    if (wait <= Millis{0}) co_return std::nullopt;
    Problem problem{429, "api.too_many",
                    "more calls than this caller, or their shop, may make; wait as Retry-After says"};
    problem.retry_after = wait;
    co_return problem;
}

}  // namespace relevo
