#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "identity/issuer_keys.hpp"
#include "identity/jwt.hpp"

namespace relevo {

/// What a token proves once its signature, its times and its audience were checked: who its issuer says the
/// bearer is. Not what they may do here.
struct ProvenIdentity {
    std::string issuer;
    std::string subject;
};

/// Verifies tokens of the configured issuers, each with its own algorithms, keys and audience. Used from one
/// io_context.
class TokenVerifier {
  public:
    /// Throws Failure "identity.bad_settings" for settings that cannot be safe: an issuer twice, no algorithm
    /// or no audience, HS256 beside others, or with a secret below 32 bytes.
    TokenVerifier(std::vector<IssuerSettings> issuers, HttpClient& http, Clock& clock);
    ~TokenVerifier();

    /// Fails with
    ///  identity.bad_token, unknown_issuer, wrong_algorithm, wrong_audience, no_subject, expired, not_yet,
    ///  unknown_key, bad_signature (permanent: the caller needs another token)
    ///  identity.issuer_unavailable (transient: the same token may do later)
    Task<Result<ProvenIdentity>> verify(std::string token);

  private:
    struct Issuer;
    std::map<std::string, std::unique_ptr<Issuer>, std::less<>> issuers_;
    Clock& clock_;
};

}  // namespace relevo
