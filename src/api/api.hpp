#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/call.hpp"
#include "api/document.hpp"
#include "domain/identity.hpp"
#include "domain/pace.hpp"
#include "domain/request_stores.hpp"
#include "http/router.hpp"

namespace relevo {

/// What the API works with; all of it outlives it.
struct ApiParts {
    Identity& identity;
    RequestBook& requests;
    Pace& pace;  ///< of the callers' rates, which no provider shares
    Clock& clock;
    Random& random;
    std::string own_origin;            ///< of our own pages: "https://relevo.example"
    std::vector<std::string> proxies;  ///< addresses of ours that say for whom they ask
};

/// Everything below /v1: each request is judged by the document, then its operation's handler does it. Every
/// answer carries X-Request-Id, which is the trace in the log; every refusal is a problem document.
class Api {
  public:
    /// Throws Failure "api.bad_document" where an operation has no handler or a handler no operation.
    Api(ApiDocument document, ApiHandlers handlers, ApiParts parts);
    ~Api();

    void add_routes(Router& router);
    /// Forgets what Idempotency-Keys stood for after their 24 hours, every ten minutes. Never ends.
    Task<void> forget_old_requests();

  private:
    void add_operation(Router& router, const ApiOperation& operation);
    void add_refusals(Router& router);

    const ApiDocument document_;
    const ApiHandlers handlers_;
    ApiParts parts_;
};

}  // namespace relevo
