#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/api.hpp"
#include "api/request.hpp"

namespace relevo {

/// One request on its way to its answer. The request, the parts and the document outlive it.
class ApiExchange {
  public:
    ApiExchange(const ApiParts& parts, const ApiDocument& document, const HttpRequest& request);

    /// Who calls, whether they may, what they sent; then the handler; then what every answer has.
    Task<HttpResponse> serve(const ApiOperation& operation, const ApiHandler& handler, ApiParameters path);
    /// Whether a page of the request's origin may use these methods.
    Task<HttpResponse> preflight(std::vector<std::string> methods);
    HttpResponse refuse(const Problem& problem) const;

  private:
    Task<ApiResult> run(const ApiOperation& operation, const ApiHandler& handler, ApiParameters path);
    Task<std::optional<Problem>> admit(const ApiOperation& operation, const ApiParameters& path,
                                       RequestStores& stores, std::optional<Principal>& who);
    Task<std::optional<Problem>> admit_stranger(RequestStores& stores);
    Task<std::optional<Problem>> choose(const ApiOperation& operation, const ApiParameters& path,
                                        RequestStores& stores, Principal& who);
    Task<void> look_up_origin(RequestStores& stores, const Principal* who);
    std::optional<Once> once_of(const ApiOperation& operation, const std::optional<Principal>& who,
                                const ApiParameters& parameters) const;
    HttpResponse response_of(const ApiResult& result) const;
    HttpResponse finished(HttpResponse response) const;

    const ApiParts& parts_;
    const ApiDocument& document_;
    const HttpRequest& request_;
    const std::string trace_;
    const std::string origin_;  // of the page that calls; empty where none does
    const std::string client_;  // its IP address
    bool origin_allowed_ = false;
    bool repeated_ = false;
};

}  // namespace relevo
