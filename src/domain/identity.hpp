#pragma once

#include <optional>
#include <string>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/task.hpp"
#include "domain/principal.hpp"
#include "domain/secret.hpp"

namespace relevo {

/// What a request carries to say who sends it.
struct Credentials {
    Secret bearer;    ///< of Authorization: Bearer
    Secret internal;  ///< of X-Internal-Secret
};

/// A session that has just begun. `secret` is shown this once.
struct SignedIn {
    Secret secret;
    Principal principal;
    SysTime expires_at;
};

/// Who is calling. Every error is "identity.…"; a permanent one means 401 (403 for identity.not_yours, 422
/// for identity.weak_password), a transient one 503 (429 for identity.too_many_attempts) with its
/// retry_after. Texts say what to do and hold nothing of what was sent. Calls also throw what the stores
/// throw.
class Identity {
  public:
    virtual ~Identity() = default;

    /// By an API key, a session, the operator's token, another service's secret or an issuer's JWT.
    virtual Task<Result<Principal>> authenticate(Credentials credentials) = 0;

    /// `address`: the IP address that asks, as far as our own proxies vouch for it. identity.wrong_password
    /// alike for an unknown e-mail address, after the same time; identity.too_many_attempts of either
    /// address, alike too; identity.busy.
    virtual Task<Result<SignedIn>> sign_in(std::string email, Secret password, std::string address) = 0;
    /// Ends the session that the principal came with.
    virtual Task<void> sign_out(Principal principal) = 0;

    /// An invitation's, or a reset's, end: from now on they sign in with this password, or with the identity
    /// that `token` (an issuer's JWT) proves. identity.bad_ticket, identity.weak_password, and what
    /// authenticate says of a token.
    virtual Task<Result<SignedIn>> redeem_with_password(Secret ticket, Secret password) = 0;
    virtual Task<Result<Principal>> redeem_with_token(Secret ticket, Secret token) = 0;
    /// For a user of `by`'s shop who may do no more, as long as that holds. identity.not_yours,
    /// identity.no_user. It goes to that person alone: who opens it with a password owns their address in
    /// the whole installation; where `by` is no operator, until an operator's invitation gives it away.
    virtual Task<Result<Secret>> issue_ticket(Principal by, UserId user, std::string trace) = 0;
};

}  // namespace relevo
