#include "identity/verification_key.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <sodium.h>

#include <array>

namespace relevo {
namespace {

// Below it is broken (RFC 7518, 3.3); above it one signature costs milliseconds.
constexpr int least_modulus_bits = 2048;
constexpr int most_modulus_bits = 8192;
constexpr int most_exponent_bits = 64;
constexpr std::size_t coordinate_bytes = 32;
constexpr std::size_t es256_bytes = 2 * coordinate_bytes;  // r and s (RFC 7518, 3.4)
constexpr std::size_t hs256_bytes = crypto_auth_hmacsha256_BYTES;

template <auto free>
struct Freed {
    template <class T>
    void operator()(T* pointer) const {
        free(pointer);
    }
};
using BigNumber = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using EcSignature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;
using Key = std::shared_ptr<EVP_PKEY>;

// What OpenSSL notes of a failure stays with the thread, where the next TLS connection would find it.
struct ErrorsForgotten {
    ErrorsForgotten() = default;
    ErrorsForgotten(const ErrorsForgotten&) = delete;
    ErrorsForgotten& operator=(const ErrorsForgotten&) = delete;
    ~ErrorsForgotten() { ERR_clear_error(); }
};

const unsigned char* raw(std::string_view bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

BigNumber number_of(std::string_view bytes) {
    return BigNumber(BN_bin2bn(raw(bytes), static_cast<int>(bytes.size()), nullptr));
}

Key make_key(const char* type, OSSL_PARAM_BLD* builder) {
    const Params params(OSSL_PARAM_BLD_to_param(builder));
    const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* made = nullptr;
    if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
        return nullptr;
    }
    return Key(made, EVP_PKEY_free);
}

// OpenSSL takes r and s in DER only.
std::string der_of(std::string_view signature) {
    BigNumber r = number_of(signature.substr(0, coordinate_bytes));
    BigNumber s = number_of(signature.substr(coordinate_bytes));
    const EcSignature pair(ECDSA_SIG_new());
    if (!r || !s || !pair || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return {};
    static_cast<void>(r.release());
    static_cast<void>(s.release());
    unsigned char* out = nullptr;
    const int size = i2d_ECDSA_SIG(pair.get(), &out);
    if (size <= 0) return {};
    std::string der(reinterpret_cast<char*>(out), static_cast<std::size_t>(size));
    OPENSSL_free(out);
    return der;
}

bool verify_with(EVP_PKEY* key, JwtAlgorithm algorithm, std::string_view signed_part,
                 std::string_view signature) {
    const DigestContext context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* options = nullptr;
    // Ed25519 hashes by itself
    const EVP_MD* const digest = algorithm == JwtAlgorithm::eddsa ? nullptr : EVP_sha256();
    if (!context || EVP_DigestVerifyInit(context.get(), &options, digest, nullptr, key) != 1) return false;
    if (algorithm == JwtAlgorithm::ps256 &&
        (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
         EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1)) {
        return false;
    }
    return EVP_DigestVerify(context.get(), raw(signature), signature.size(), raw(signed_part),
                            signed_part.size()) == 1;
}

bool verify_hmac(std::string_view secret, std::string_view signed_part, std::string_view signature) {
    if (signature.size() != hs256_bytes) return false;
    std::array<unsigned char, hs256_bytes> expected{};
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, raw(secret), secret.size());
    crypto_auth_hmacsha256_update(&state, raw(signed_part), signed_part.size());
    crypto_auth_hmacsha256_final(&state, expected.data());
    return sodium_memcmp(expected.data(), signature.data(), expected.size()) == 0;
}

}  // namespace

VerificationKey VerificationKey::of_secret(Secret secret) {
    VerificationKey key(JwtAlgorithm::hs256);
    key.secret_ = std::move(secret);
    return key;
}

std::optional<VerificationKey> VerificationKey::of_rsa(JwtAlgorithm algorithm, std::string_view modulus,
                                                       std::string_view exponent) {
    const ErrorsForgotten forgotten;
    constexpr std::size_t most_bytes = most_modulus_bits / 8 + 1;
    if (modulus.size() > most_bytes || exponent.size() > most_bytes) return std::nullopt;
    const BigNumber n = number_of(modulus);
    const BigNumber e = number_of(exponent);
    const Builder builder(OSSL_PARAM_BLD_new());
    if (!n || !e || !builder || BN_num_bits(n.get()) < least_modulus_bits ||
        BN_num_bits(n.get()) > most_modulus_bits || BN_num_bits(e.get()) > most_exponent_bits ||
        !BN_is_odd(e.get()) || BN_is_one(e.get()) ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
        return std::nullopt;
    }
    VerificationKey key(algorithm);
    key.key_ = make_key("RSA", builder.get());
    if (!key.key_) return std::nullopt;
    return key;
}

std::optional<VerificationKey> VerificationKey::of_p256(std::string_view x, std::string_view y) {
    const ErrorsForgotten forgotten;
    if (x.size() != coordinate_bytes || y.size() != coordinate_bytes) return std::nullopt;
    const std::string point = '\x04' + std::string(x) + std::string(y);  // SEC 1's uncompressed form
    const Builder builder(OSSL_PARAM_BLD_new());
    if (!builder ||
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         point.size()) != 1) {
        return std::nullopt;
    }
    VerificationKey key(JwtAlgorithm::es256);
    key.key_ = make_key("EC", builder.get());
    if (!key.key_) return std::nullopt;
    return key;
}

std::optional<VerificationKey> VerificationKey::of_ed25519(std::string_view x) {
    const ErrorsForgotten forgotten;
    if (x.size() != coordinate_bytes) return std::nullopt;
    VerificationKey key(JwtAlgorithm::eddsa);
    key.key_ = Key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(x), x.size()), EVP_PKEY_free);
    if (!key.key_) return std::nullopt;
    return key;
}

bool VerificationKey::verifies(std::string_view signed_part, std::string_view signature) const {
    const ErrorsForgotten forgotten;
    switch (algorithm_) {
        case JwtAlgorithm::hs256:
            return verify_hmac(secret_.reveal(), signed_part, signature);
        case JwtAlgorithm::es256: {
            if (signature.size() != es256_bytes) return false;
            const std::string der = der_of(signature);
            return !der.empty() && verify_with(key_.get(), algorithm_, signed_part, der);
        }
        case JwtAlgorithm::rs256:
        case JwtAlgorithm::ps256:
        case JwtAlgorithm::eddsa:
            return verify_with(key_.get(), algorithm_, signed_part, signature);
    }
    return false;
}

}  // namespace relevo
