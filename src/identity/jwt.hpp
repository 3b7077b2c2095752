#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "domain/identity_settings.hpp"

namespace relevo {

/// A token in JWS compact form (RFC 7515, 7519), read and not yet believed. Its header's `jwk`, `jku`, `x5u`
/// and `x5c` are not even looked at: keys come from the issuer that is configured.
struct Jwt {
    std::string algorithm;              ///< what it claims: to be compared with a key's, never obeyed
    std::optional<std::string> key_id;  ///< a name in the issuer's key set and nothing else
    std::string issuer;
    std::vector<std::string> audiences;
    SysTime expires_at{};
    std::optional<SysTime> not_before;
    std::optional<SysTime> issued_at;
    std::map<std::string, std::string> texts;  ///< every claim that is a string
    bool email_verified = false;
    std::string signed_part;  ///< header and claims as they were sent
    std::string signature;
};

/// Fails with "identity.bad_token" for whatever is not exactly such a token: longer than 8 KiB, not three
/// parts of base64url without padding, members twice, claims of the wrong type, or a header that asks for an
/// extension (`crit`, `b64`). The text says what, and holds nothing of the token.
Result<Jwt> parse_jwt(std::string_view token);

/// Bytes of base64url without padding; nothing for any other spelling of the same bytes.
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace relevo
