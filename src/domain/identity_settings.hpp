#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "domain/secret.hpp"

namespace relevo {

/// RFC 7518's and RFC 8037's names of them; no others are verified.
enum class JwtAlgorithm { rs256, ps256, es256, eddsa, hs256 };

/// As `alg` spells it.
std::string_view name_of(JwtAlgorithm algorithm);
/// Nothing for any other spelling.
std::optional<JwtAlgorithm> jwt_algorithm(std::string_view name);

/// Whose tokens are believed: Auth0, Supabase or any other OpenID provider.
struct IssuerSettings {
    std::string issuer;    ///< exactly what its tokens' `iss` says
    std::string audience;  ///< what their `aud` must hold: us
    /// What it signs with. A token never chooses: each key has one algorithm, the first here that fits it.
    /// hs256 stands alone, and needs `secret`.
    std::vector<JwtAlgorithm> algorithms;
    std::string jwks_uri;   ///< empty: its .well-known/openid-configuration says where
    Secret secret;          ///< Supabase's legacy JWT secret, of at least 32 bytes
    Millis leeway{60'000};  ///< how far its clock may be from ours
    std::string subject_claim = "sub";
};

/// How people and programs prove who they are to this installation.
struct IdentitySettings {
    std::vector<IssuerSettings> issuers;
    Secret operator_token;  ///< who presents it runs the installation; empty: nobody does by a token
    Secret
        internal_secret;  ///< X-Internal-Secret of the installation's other services; empty: there are none
    Millis session_idle{12 * 3'600'000};     ///< a session that nobody uses ends
    Millis session_life{14 * 86'400'000LL};  ///< and every session ends
    Millis ticket_life{3 * 86'400'000LL};    ///< of an invitation or a password's reset
};

}  // namespace relevo
