#include "api/problem.hpp"

#include <algorithm>

#include "core/json_object.hpp"

namespace relevo {
namespace {

constexpr Millis try_again{1'000};

std::string_view title_of(int status) {
    switch (status) {
        case 400:
            return "The request is not well formed";
        case 401:
            return "Nobody is signed in";
        case 403:
            return "The caller may not do this";
        case 404:
            return "There is no such thing";
        case 405:
            return "This path takes other methods";
        case 409:
            return "What is there does not allow this";
        case 412:
            return "Somebody else was first";
        case 413:
            return "The body is too large";
        case 415:
            return "The body is of another type";
        case 422:
            return "The body does not say what is needed";
        case 428:
            return "The change does not say what it is based on";
        case 429:
            return "Too many requests";
        case 503:
            return "Something is away";
        default:
            return "The server failed";
    }
}

std::string json_of(const Flaw& flaw) {
    return JsonObject()
        .text_if_any("pointer", flaw.pointer)
        .text_if_any("parameter", flaw.parameter)
        .text("detail", flaw.text)
        .str();
}

}  // namespace

Problem not_found(std::string_view what, std::string_view name) {
    std::string detail(what);
    if (!name.empty()) detail.append(" ").append(name);
    return {404, "api.not_found", detail + " not found or access denied; check the id and the shop"};
}

Problem problem_of(const Error& error, int status) {
    Problem problem{status, error.code, error.text};
    if (error.fault == Fault::transient) {
        problem.status = error.code == "identity.too_many_attempts" ? 429 : 503;
        problem.retry_after = error.retry_after.value_or(try_again);
    }
    return problem;
}

HttpResponse problem_response(const Problem& problem, std::string_view trace) {
    JsonObject body;
    body.text("type", "urn:relevo:problem:" + problem.code)
        .text("title", title_of(problem.status))
        .number("status", problem.status)
        .text("detail", problem.detail)
        .text("code", problem.code)
        .text("trace", trace);
    std::vector<std::string> flaws;
    for (const auto& flaw : problem.flaws) flaws.push_back(json_of(flaw));
    if (!flaws.empty()) body.raw("errors", json_array(flaws));
    HttpResponse response{problem.status, body.str(), "application/problem+json", problem.headers};
    if (problem.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
    if (problem.retry_after) {
        const auto seconds = std::chrono::ceil<std::chrono::seconds>(*problem.retry_after).count();
        response.headers.emplace_back("Retry-After", std::to_string(std::max<std::int64_t>(1, seconds)));
    }
    return response;
}

}  // namespace relevo
