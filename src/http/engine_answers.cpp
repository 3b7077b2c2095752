#include "http/engine_answers.hpp"

#include "core/json_object.hpp"

namespace relevo {

HttpResponse to_response(const EngineRefusal& refusal) {
    return {.status = refusal.status,
            .body = JsonObject().number("code", refusal.code).text("message", refusal.message).str(),
            .headers = {}};
}

HttpResponse text_response(std::string body) {
    return {.body = std::move(body), .content_type = "text/plain; charset=UTF-8", .headers = {}};
}

HttpResponse preflight_response() {
    return {.status = 204,
            .headers = {{"Access-Control-Allow-Methods", "GET, POST"},
                        {"Access-Control-Allow-Headers", "Content-Type"},
                        {"Access-Control-Max-Age", "86400"}}};
}

void allow_origin(std::string_view origin, HttpResponse& response) {
    response.headers.emplace_back("Cache-Control", "no-store");
    if (origin.empty()) return;
    response.headers.emplace_back("Access-Control-Allow-Origin", std::string(origin));
    response.headers.emplace_back("Vary", "Origin");
}

}  // namespace relevo
