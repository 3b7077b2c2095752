#pragma once

#include <string>

#include "gateway/endpoint_cache.hpp"
#include "gateway/intake.hpp"
#include "http/router.hpp"

namespace relevo {

/// /webhooks/{channel}/{key}, checked in this order: unknown key 404, above 3 MiB 413 (by the server),
/// signature 401, not JSON 400; then 200 when the log has it, or 503 within 4 s.
class Webhooks {
  public:
    Webhooks(Channels& channels, EndpointCache& endpoints, Intake& intake)
        : channels_(channels), endpoints_(endpoints), intake_(intake) {}

    void add_routes(Router& router);

  private:
    Task<std::optional<HttpResponse>> check_key(HttpRequest head, PathParams params);
    Task<HttpResponse> challenge(HttpRequest request, PathParams params);
    Task<HttpResponse> receive(HttpRequest request, PathParams params);
    HttpResponse refuse(const HttpRequest& request, const std::string& channel, int status,
                        const std::string& code, const std::string& text);
    void count(const std::string& channel, int status, const std::string& code);

    Channels& channels_;
    EndpointCache& endpoints_;
    Intake& intake_;
};

}  // namespace relevo
