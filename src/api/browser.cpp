#include "api/browser.hpp"

namespace relevo {

void add_security_headers(HttpResponse& response) {
    auto& headers = response.headers;
    headers.emplace_back("Cache-Control", "no-store");
    headers.emplace_back("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    headers.emplace_back("Referrer-Policy", "no-referrer");
    // browsers obey it over TLS only
    headers.emplace_back("Strict-Transport-Security", "max-age=31536000");
}

void allow_origin(HttpResponse& response, std::string_view origin) {
    response.headers.emplace_back("Access-Control-Allow-Origin", origin);
    response.headers.emplace_back(
        "Access-Control-Expose-Headers",
        "ETag, Location, Retry-After, X-Request-Id, Next-Cursor, Idempotency-Replayed");
}

void add_preflight(HttpResponse& response, const std::vector<std::string>& methods) {
    std::string names;
    for (const auto& method : methods) names += (names.empty() ? "" : ", ") + method;
    response.headers.emplace_back("Access-Control-Allow-Methods", names);
    response.headers.emplace_back(
        "Access-Control-Allow-Headers",
        "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Tenant-Id, traceparent");
    response.headers.emplace_back("Access-Control-Max-Age", "600");
}

}  // namespace relevo
