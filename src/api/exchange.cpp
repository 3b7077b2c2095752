#include "api/exchange.hpp"

#include "api/admission.hpp"
#include "api/browser.hpp"
#include "core/digest.hpp"
#include "core/log.hpp"
#include "core/trace.hpp"
#include "domain/ip_address.hpp"
#include "http/forwarded.hpp"

namespace relevo {
namespace {

// What the request asks for, whatever else its headers say.
std::string digest_of(const ApiOperation& operation, const HttpRequest& request) {
    std::string all;
    for (const std::string* part : {&operation.id, &request.target, &request.body}) all += sha256_hex(*part);
    return sha256_hex(all);
}

Problem problem_of_failure(const Failure& failure, const std::string& trace) {
    const Error& error = failure.error();
    if (error.code == "request.changed") return {412, "api.changed", error.text};
    if (error.code == "request.another") return {422, "api.other_request", error.text};
    if (error.code == "request.in_flight") {
        Problem problem{409, "api.in_flight", error.text};
        problem.retry_after = error.retry_after;
        return problem;
    }
    if (error.fault == Fault::transient) {
        return problem_of(
            {error.fault, error.code, "something that this takes is away; try again", error.retry_after},
            503);
    }
    log_error("api.failed", {{"trace", trace}, {"code", error.code}, {"text", error.text}});
    return {500, "api.failed", "the server failed; its log says why under this trace"};
}

// What chooses the rows of a list: all but the page.
std::string query_of(const ApiCall& call) {
    std::string query = call.operation.id;
    if (call.who && call.who->tenant()) query += "|" + call.who->tenant()->to_string();
    for (const auto& [name, value] : call.parameters) {
        const bool pages = name == "cursor" || name == "limit";
        if (pages || call.operation.parameter(ApiParameter::In::header, name)) continue;
        query += "|" + name + "=" + std::to_string(value.size()) + ":" + value;
    }
    return query;
}

}  // namespace

ApiExchange::ApiExchange(const ApiParts& parts, const ApiDocument& document, const HttpRequest& request)
    : parts_(parts),
      document_(document),
      request_(request),
      trace_(trace_id(child_traceparent(request.header("traceparent"), parts.random))),
      origin_(request.header("Origin")),
      client_(client_address(request, parts.proxies)) {}

Task<HttpResponse> ApiExchange::serve(const ApiOperation& operation, const ApiHandler& handler,
                                      ApiParameters path) {
    HttpResponse response;
    try {
        auto done = run(operation, handler, std::move(path));
        const ApiResult result = co_await std::move(done);
        response = response_of(result);
    } catch (const Failure& failure) {
        response = problem_response(problem_of_failure(failure, trace_), trace_);
    }
    co_return finished(std::move(response));
}

Task<HttpResponse> ApiExchange::preflight(std::vector<std::string> methods) {
    HttpResponse response;
    try {
        std::vector<PaceBucket> buckets{{"api:preflight:" + ip_network(client_), document_.caller_rate()}};
        auto limited = check_rate(parts_.pace, std::move(buckets));
        const auto problem = co_await std::move(limited);
        if (problem) co_return refuse(*problem);
        const auto stores = parts_.requests.begin(std::nullopt);
        auto known = look_up_origin(*stores, nullptr);
        co_await std::move(known);
        response.status = 204;
        if (origin_allowed_) add_preflight(response, methods);
    } catch (const Failure& failure) {
        response = problem_response(problem_of_failure(failure, trace_), trace_);
    }
    co_return finished(std::move(response));
}

HttpResponse ApiExchange::refuse(const Problem& problem) const {
    return finished(problem_response(problem, trace_));
}

Task<ApiResult> ApiExchange::run(const ApiOperation& operation, const ApiHandler& handler,
                                 ApiParameters path) {
    const auto before = parts_.requests.begin(std::nullopt);
    std::optional<Principal> who;
    auto admitted = admit(operation, path, *before, who);
    if (auto problem = co_await std::move(admitted)) co_return std::move(*problem);
    auto parameters = read_parameters(operation, request_, path);
    if (auto* problem = std::get_if<Problem>(&parameters)) co_return std::move(*problem);
    if (auto problem = check_body_head(operation, request_)) co_return std::move(*problem);
    auto body = read_body(operation, request_);
    if (auto* problem = std::get_if<Problem>(&body)) co_return std::move(*problem);

    auto once = once_of(operation, who, std::get<ApiParameters>(parameters));
    const auto stores = parts_.requests.begin(once);
    ApiCall call{operation,
                 std::move(who),
                 std::get<ApiParameters>(std::move(parameters)),
                 std::get<SentJson>(std::move(body)),
                 trace_,
                 client_,
                 parts_.clock.now(),
                 {},
                 std::nullopt,
                 std::move(once),
                 *stores,
                 parts_.identity,
                 parts_.random};
    call.query = query_of(call);
    if (const auto cursor = call.parameter("cursor"); !cursor.empty()) {
        call.after = key_of_cursor(call.query, cursor);
        if (!call.after) co_return bad_cursor();
    }
    auto done = handler(call);
    ApiResult result = co_await std::move(done);
    repeated_ = stores->repeated();
    co_return result;
}

// A page can read why it was refused only where its origin is known: looked up before anybody knows for which
// shop they call, but for no stranger whose calls are used up.
Task<std::optional<Problem>> ApiExchange::admit(const ApiOperation& operation, const ApiParameters& path,
                                                RequestStores& stores, std::optional<Principal>& who) {
    if (operation.callers.empty()) {
        auto admitted = admit_stranger(stores);
        co_return co_await std::move(admitted);
    }
    auto asked = parts_.identity.authenticate(credentials_of(request_));
    Result<Principal> caller = co_await std::move(asked);
    if (!caller) {
        auto admitted = admit_stranger(stores);
        if (auto problem = co_await std::move(admitted)) co_return problem;
        co_return problem_of(caller.error(), 401);
    }
    auto known = look_up_origin(stores, nullptr);
    co_await std::move(known);
    auto limited = check_rate(parts_.pace, buckets_of(document_, *caller));
    if (auto problem = co_await std::move(limited)) co_return problem;
    who = std::move(*caller);
    auto chosen = choose(operation, path, stores, *who);
    if (auto problem = co_await std::move(chosen)) co_return problem;
    auto its_own = look_up_origin(stores, &*who);
    co_await std::move(its_own);
    if (!origin_.empty() && !origin_allowed_) {
        co_return Problem{
            403, "api.foreign_origin",
            "pages of this origin may not call as this shop; its administrator adds it to cors_origins"};
    }
    if (auto problem = check_right(operation, *who)) co_return problem;
    auto spent = check_rate(parts_.pace, buckets_of(operation, *who));
    co_return co_await std::move(spent);
}

Task<std::optional<Problem>> ApiExchange::admit_stranger(RequestStores& stores) {
    std::vector<PaceBucket> buckets{{"api:address:" + ip_network(client_), document_.stranger_rate()}};
    auto limited = check_rate(parts_.pace, std::move(buckets));
    if (auto problem = co_await std::move(limited)) co_return problem;
    auto known = look_up_origin(stores, nullptr);
    co_await std::move(known);
    co_return std::nullopt;
}

// The path names the shop that it is about, and a header that of all else.
Task<std::optional<Problem>> ApiExchange::choose(const ApiOperation& operation, const ApiParameters& path,
                                                 RequestStores& stores, Principal& who) {
    const auto named = path.find("tenant");
    const bool by_path = named != path.end();
    const auto* parameter = by_path ? operation.parameter(ApiParameter::In::path, "tenant")
                                    : operation.parameter(ApiParameter::In::header, "X-Tenant-Id");
    if (!parameter) co_return std::nullopt;
    const std::string wanted(by_path ? std::string_view(named->second) : request_.header(parameter->name));
    if (wanted.empty()) co_return std::nullopt;
    if (auto problem = check_parameter(*parameter, wanted)) co_return problem;
    auto chosen = choose_tenant(who, wanted, stores.tenants());
    co_return co_await std::move(chosen);
}

// Without `who`, before they are known: whether it is any shop's. Who belongs to no shop calls from our own
// pages.
Task<void> ApiExchange::look_up_origin(RequestStores& stores, const Principal* who) {
    origin_allowed_ = !origin_.empty() && origin_ == parts_.own_origin;
    if (origin_.empty() || origin_allowed_ || (who && !who->tenant())) co_return;
    auto asked = stores.tenants().allows_origin(who ? who->tenant() : std::nullopt, origin_);
    origin_allowed_ = co_await std::move(asked);
}

std::optional<Once> ApiExchange::once_of(const ApiOperation& operation, const std::optional<Principal>& who,
                                         const ApiParameters& parameters) const {
    const auto key = parameters.find("Idempotency-Key");
    if (key == parameters.end() || !who) return std::nullopt;
    return Once{who->tenant(), caller_of(*who), sha256_hex(key->second), digest_of(operation, request_),
                parts_.clock.now()};
}

HttpResponse ApiExchange::response_of(const ApiResult& result) const {
    if (const auto* problem = std::get_if<Problem>(&result)) return problem_response(*problem, trace_);
    const auto& answer = std::get<Answer>(result);
    HttpResponse response{answer.status, answer.body, answer.content_type, answer.headers};
    if (!answer.etag.empty()) response.headers.emplace_back("ETag", answer.etag);
    if (repeated_) response.headers.emplace_back("Idempotency-Replayed", "true");
    return response;
}

HttpResponse ApiExchange::finished(HttpResponse response) const {
    response.headers.emplace_back("X-Request-Id", trace_);
    response.headers.emplace_back("Vary", "Origin");
    add_security_headers(response);
    if (origin_allowed_) allow_origin(response, origin_);
    return response;
}

}  // namespace relevo
