#include "api/api.hpp"

#include <algorithm>
#include <set>

#include "api/exchange.hpp"
#include "core/log.hpp"

namespace relevo {
namespace {

constexpr Millis keys_live{24 * 3'600'000};
constexpr Millis forget_every{600'000};
const std::set<std::string> methods{"GET", "POST", "PUT", "PATCH", "DELETE"};

}  // namespace

Api::Api(ApiDocument document, ApiHandlers handlers, ApiParts parts)
    : document_(std::move(document)), handlers_(std::move(handlers)), parts_(std::move(parts)) {
    std::string wrong;
    std::set<std::string, std::less<>> stated;
    for (const auto& operation : document_.operations()) {
        stated.insert(operation.id);
        if (!handlers_.contains(operation.id)) wrong += " " + operation.id + " has no handler;";
    }
    for (const auto& [id, handler] : handlers_) {
        if (!stated.contains(id)) wrong += " " + id + " is not in the document;";
    }
    if (wrong.empty()) return;
    throw Failure({Fault::permanent, "api.bad_document",
                   "the document and the program differ:" + wrong + " run the ones that belong together"});
}

Api::~Api() = default;

void Api::add_routes(Router& router) {
    for (const auto& operation : document_.operations()) add_operation(router, operation);
    add_refusals(router);
}

void Api::add_operation(Router& router, const ApiOperation& operation) {
    const ApiHandler& handler = handlers_.find(operation.id)->second;
    router.add(
        operation.method, operation.path,
        [this, &operation, &handler](HttpRequest request, PathParams params) -> Task<HttpResponse> {
            ApiExchange exchange(parts_, document_, request);
            auto served = exchange.serve(operation, handler, std::move(params));
            HttpResponse answer = co_await std::move(served);
            wipe(request.body);  // it may hold a secret
            co_return answer;
        },
        [this, &operation](HttpRequest head, PathParams) -> Task<std::optional<HttpResponse>> {
            const auto problem = check_body_head(operation, head);
            if (!problem) co_return std::nullopt;
            co_return ApiExchange(parts_, document_, head).refuse(*problem);
        });
}

// Whatever else is asked below /v1 gets a problem document too.
void Api::add_refusals(Router& router) {
    std::map<std::string, std::vector<std::string>> paths;
    for (const auto& operation : document_.operations()) paths[operation.path].push_back(operation.method);
    for (const auto& [path, allowed] : paths) {
        std::string names;
        for (const auto& method : allowed) names += (names.empty() ? "" : ", ") + method;
        const Problem refusal{405, "api.unknown_method", "this path takes " + names, {},
                              {},  {{"Allow", names}}};
        for (const auto& method : methods) {
            if (std::ranges::count(allowed, method) > 0) continue;
            router.add(method, path, [this, refusal](HttpRequest request, PathParams) -> Task<HttpResponse> {
                co_return ApiExchange(parts_, document_, request).refuse(refusal);
            });
        }
        router.add("OPTIONS", path,
                   [this, names = allowed](HttpRequest request, PathParams) -> Task<HttpResponse> {
                       ApiExchange exchange(parts_, document_, request);
                       auto answered = exchange.preflight(names);
                       co_return co_await std::move(answered);
                   });
    }
    const Problem nothing{404, "api.unknown_path", "nothing is here; GET /v1/openapi.json says what is"};
    for (const auto& method : methods) {
        router.add(method, "/v1/{rest...}",
                   [this, nothing](HttpRequest request, PathParams) -> Task<HttpResponse> {
                       co_return ApiExchange(parts_, document_, request).refuse(nothing);
                   });
    }
}

Task<void> Api::forget_old_requests() {
    for (;;) {
        auto waited = parts_.clock.sleep_until(parts_.clock.now() + forget_every);
        co_await std::move(waited);
        try {
            auto asked = parts_.requests.forget(parts_.clock.now() - keys_live);
            co_await std::move(asked);
        } catch (const Failure& failure) {
            log_warn("api.remembers", {{"code", failure.error().code}, {"text", failure.error().text}});
        }
    }
}

}  // namespace relevo
