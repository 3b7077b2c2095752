#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "domain/identity_settings.hpp"

struct evp_pkey_st;

namespace relevo::testing {

std::string base64url(std::string_view bytes);

/// What an issuer signs with.
class SigningKey {
  public:
    static SigningKey rsa(unsigned bits = 2048);
    static SigningKey p256();
    static SigningKey ed25519();

    /// With any `alg` that the key can do, fitting or not.
    std::string sign(JwtAlgorithm algorithm, std::string_view text) const;
    /// {"kty":…, the public members} without its brackets.
    std::string public_members() const;
    /// {"kid":…,"use":"sig", the public members and `more`}
    std::string jwk(const std::string& id, const std::string& more = {}) const;
    std::string public_pem() const;
    std::string public_der() const;

  private:
    explicit SigningKey(evp_pkey_st* key);
    std::string number(const char* name) const;
    std::shared_ptr<evp_pkey_st> key_;
};

/// One of each kind for the whole program: making them takes long.
const SigningKey& rsa_key();
const SigningKey& other_rsa_key();
const SigningKey& p256_key();
const SigningKey& ed25519_key();

std::string key_set(std::initializer_list<std::string> keys);
std::string hmac_sha256(std::string_view secret, std::string_view text);

}  // namespace relevo::testing
