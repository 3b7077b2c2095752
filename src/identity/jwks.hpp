#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "identity/verification_key.hpp"

namespace relevo {

struct NamedKey {
    std::string id;  ///< empty where the set gives it none
    VerificationKey key;
};

/// The keys of a JWK set (RFC 7517) that can verify one of `accepted`: each for one algorithm, its `alg` or
/// the first accepted one that fits it. What is for something else (encryption, another curve, a symmetric
/// key, which nobody should publish) is passed over. Fails with "identity.bad_keys" where none is left, or
/// where the document is no such set.
Result<std::vector<NamedKey>> parse_jwks(std::string_view json, std::span<const JwtAlgorithm> accepted);

/// `jwks_uri` of an OpenID provider's configuration. Fails with "identity.bad_keys" where that is another
/// issuer's (OpenID Connect Discovery, 4.3).
Result<std::string> parse_discovery(std::string_view json, std::string_view issuer);

}  // namespace relevo
