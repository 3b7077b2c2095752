#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/random.hpp"
#include "domain/identity_stores.hpp"
#include "domain/secret.hpp"

namespace relevo {

/// What a secret of ours opens. `ticket`: an invitation, or the reset of a password.
enum class SecretKind { api_key, session, ticket };

/// A secret that is shown once, and what is stored of it. "rlv_key_", "rlv_session_" or "rlv_ticket_", 64 hex
/// digits (256 random bits) and 8 more: the first of the SHA-256 of all before them. A scanner that finds one
/// in a repository knows by them that it is no accident: rlv_(key|session|ticket)_[0-9a-f]{72}.
struct NewSecret {
    Secret shown;
    SecretHash hash;
    std::string last4;
};
NewSecret draw_secret(SecretKind kind, Random& random);

/// A key that is stored and the secret that opens it, which is shown once.
struct DrawnKey {
    NewKey key;  ///< of nobody's yet
    Secret shown;
};
DrawnKey draw_key(ApiKeyId id, std::string name, Permissions scopes, std::optional<SysTime> expires_at,
                  Random& random);

/// Whether it means to be one of ours: such a token is no issuer's.
bool looks_like_secret(std::string_view text);
/// Its kind where it is complete and its digits fit each other. Says nothing of whether anybody has it.
std::optional<SecretKind> kind_of_secret(std::string_view text);
/// As it is stored. 256 random bits need neither salt nor slowness.
SecretHash hash_of_secret(std::string_view text);

}  // namespace relevo
