#pragma once

#include <string>
#include <string_view>

#include "domain/http.hpp"

namespace relevo {

/// Why a request is none of the protocol's. The codes are the reference implementation's: clients show them.
struct EngineRefusal {
    int code;
    std::string_view message;
    int status = 400;
};

namespace engine_refusals {
inline constexpr EngineRefusal unknown_transport{0, "Transport unknown"};
inline constexpr EngineRefusal unknown_session{1, "Session ID unknown"};
inline constexpr EngineRefusal bad_method{2, "Bad handshake method"};
inline constexpr EngineRefusal bad_request{3, "Bad request"};
inline constexpr EngineRefusal too_many{4, "Too many sessions", 503};
inline constexpr EngineRefusal unsupported_version{5, "Unsupported protocol version"};
}  // namespace engine_refusals

HttpResponse to_response(const EngineRefusal& refusal);
/// A polling payload, or the "ok" of a POST.
HttpResponse text_response(std::string body);
/// What a page of another origin asks before it may POST.
HttpResponse preflight_response();
/// Lets a page of `origin` read the response; no credentials.
void allow_origin(std::string_view origin, HttpResponse& response);

}  // namespace relevo
