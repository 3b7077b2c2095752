#include "tests/identity/issuer.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>

#include <stdexcept>
#include <vector>

namespace relevo::testing {
namespace {

const unsigned char* raw(std::string_view bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

void need(bool holds) {
    if (!holds) throw std::runtime_error("OpenSSL refuses to sign");
}

// r and s of 32 bytes each, as JWS has them.
std::string unpacked(std::string_view der) {
    const auto* at = raw(der);
    ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
    need(pair != nullptr);
    std::string out(64, '\0');
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), reinterpret_cast<unsigned char*>(out.data()), 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), reinterpret_cast<unsigned char*>(out.data()) + 32, 32);
    ECDSA_SIG_free(pair);
    return out;
}

}  // namespace

std::string base64url(std::string_view bytes) {
    constexpr int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
    std::string out(sodium_base64_ENCODED_LEN(bytes.size(), variant), '\0');
    sodium_bin2base64(out.data(), out.size(), raw(bytes), bytes.size(), variant);
    out.pop_back();
    return out;
}

SigningKey::SigningKey(evp_pkey_st* key) : key_(key, EVP_PKEY_free) {
    need(key != nullptr);
}

SigningKey SigningKey::rsa(unsigned bits) {
    return SigningKey(EVP_RSA_gen(bits));
}

SigningKey SigningKey::p256() {
    return SigningKey(EVP_EC_gen("P-256"));
}

SigningKey SigningKey::ed25519() {
    return SigningKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
}

std::string SigningKey::sign(JwtAlgorithm algorithm, std::string_view text) const {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EVP_PKEY_CTX* options = nullptr;
    const EVP_MD* digest = algorithm == JwtAlgorithm::eddsa ? nullptr : EVP_sha256();
    need(EVP_DigestSignInit(context, &options, digest, nullptr, key_.get()) == 1);
    if (algorithm == JwtAlgorithm::ps256) {
        need(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1);
        need(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1);
    }
    std::size_t size = 0;
    need(EVP_DigestSign(context, nullptr, &size, raw(text), text.size()) == 1);
    std::string out(size, '\0');
    need(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(out.data()), &size, raw(text),
                        text.size()) == 1);
    EVP_MD_CTX_free(context);
    out.resize(size);
    return algorithm == JwtAlgorithm::es256 ? unpacked(out) : out;
}

std::string SigningKey::number(const char* name) const {
    BIGNUM* value = nullptr;
    need(EVP_PKEY_get_bn_param(key_.get(), name, &value) == 1);
    const bool coordinate = EVP_PKEY_is_a(key_.get(), "EC") == 1;
    std::string bytes(static_cast<std::size_t>(coordinate ? 32 : BN_num_bytes(value)), '\0');
    BN_bn2binpad(value, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    BN_free(value);
    return base64url(bytes);
}

std::string SigningKey::public_members() const {
    if (EVP_PKEY_is_a(key_.get(), "RSA") == 1) {
        return R"("kty":"RSA","n":")" + number(OSSL_PKEY_PARAM_RSA_N) + R"(","e":")" +
               number(OSSL_PKEY_PARAM_RSA_E) + '"';
    }
    if (EVP_PKEY_is_a(key_.get(), "EC") == 1) {
        return R"("kty":"EC","crv":"P-256","x":")" + number(OSSL_PKEY_PARAM_EC_PUB_X) + R"(","y":")" +
               number(OSSL_PKEY_PARAM_EC_PUB_Y) + '"';
    }
    std::string x(32, '\0');
    std::size_t size = x.size();
    need(EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(x.data()), &size) == 1);
    return R"("kty":"OKP","crv":"Ed25519","x":")" + base64url(x) + '"';
}

std::string SigningKey::jwk(const std::string& id, const std::string& more) const {
    return R"({"kid":")" + id + R"(","use":"sig",)" + public_members() + (more.empty() ? "" : "," + more) +
           "}";
}

std::string SigningKey::public_pem() const {
    BIO* memory = BIO_new(BIO_s_mem());
    need(PEM_write_bio_PUBKEY(memory, key_.get()) == 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    std::string pem(data, static_cast<std::size_t>(size));
    BIO_free(memory);
    return pem;
}

std::string SigningKey::public_der() const {
    unsigned char* out = nullptr;
    const int size = i2d_PUBKEY(key_.get(), &out);
    need(size > 0);
    std::string der(reinterpret_cast<char*>(out), static_cast<std::size_t>(size));
    OPENSSL_free(out);
    return der;
}

const SigningKey& rsa_key() {
    static const SigningKey key = SigningKey::rsa();
    return key;
}

const SigningKey& other_rsa_key() {
    static const SigningKey key = SigningKey::rsa();
    return key;
}

const SigningKey& p256_key() {
    static const SigningKey key = SigningKey::p256();
    return key;
}

const SigningKey& ed25519_key() {
    static const SigningKey key = SigningKey::ed25519();
    return key;
}

std::string key_set(std::initializer_list<std::string> keys) {
    std::string out;
    for (const auto& key : keys) out += (out.empty() ? "" : ",") + key;
    return R"({"keys":[)" + out + "]}";
}

std::string hmac_sha256(std::string_view secret, std::string_view text) {
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, raw(secret), secret.size());
    crypto_auth_hmacsha256_update(&state, raw(text), text.size());
    std::string mac(crypto_auth_hmacsha256_BYTES, '\0');
    crypto_auth_hmacsha256_final(&state, reinterpret_cast<unsigned char*>(mac.data()));
    return mac;
}

}  // namespace relevo::testing
