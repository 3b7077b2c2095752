#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "domain/identity_settings.hpp"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace relevo {

/// A key for exactly one algorithm (RFC 8725, 3.1): an RSA key can verify no HMAC, whatever a token says.
/// OpenSSL's EVP verifies: cjose lets the token's header pick the algorithm, and knows no EdDSA.
class VerificationKey {
  public:
    /// For HS256 only.
    static VerificationKey of_secret(Secret secret);
    /// Big-endian numbers, for RS256 or PS256. Nothing for a modulus below 2048 or above 8192 bits, or an
    /// even exponent or one of 1 or beyond 64 bits.
    static std::optional<VerificationKey> of_rsa(JwtAlgorithm algorithm, std::string_view modulus,
                                                 std::string_view exponent);
    /// A point of P-256, for ES256: 32 bytes each. Nothing where it is not on the curve.
    static std::optional<VerificationKey> of_p256(std::string_view x, std::string_view y);
    /// 32 bytes, for EdDSA.
    static std::optional<VerificationKey> of_ed25519(std::string_view x);

    JwtAlgorithm algorithm() const { return algorithm_; }
    bool verifies(std::string_view signed_part, std::string_view signature) const;

  private:
    explicit VerificationKey(JwtAlgorithm algorithm) : algorithm_(algorithm) {}
    JwtAlgorithm algorithm_;
    std::shared_ptr<evp_pkey_st> key_;
    Secret secret_;
};

}  // namespace relevo
