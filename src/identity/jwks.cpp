#include "identity/jwks.hpp"

#include <rapidjson/document.h>

#include <algorithm>

#include "identity/jwt.hpp"

namespace relevo {
namespace {

// Issuers publish two or three; with more than that a token without a kid could be tried for long.
constexpr std::size_t max_keys = 64;

using rapidjson::Value;

Error bad_keys(const std::string& why) {
    return {Fault::permanent, "identity.bad_keys",
            why + "; check identity.issuers in the installation's settings: issuer, jwks_uri, algorithms"};
}

bool read(std::string_view json, rapidjson::Document& document) {
    document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
    return !document.HasParseError() && document.IsObject();
}

/// "" where the member is missing or no text.
std::string_view text(const Value& object, const char* name) {
    const auto found = object.FindMember(name);
    if (found == object.MemberEnd() || !found->value.IsString()) return {};
    return {found->value.GetString(), found->value.GetStringLength()};
}

std::string bytes(const Value& object, const char* name) {
    return from_base64url(text(object, name)).value_or(std::string());
}

bool may_verify(const Value& key) {
    if (key.HasMember("use") && text(key, "use") != "sig") return false;
    const auto operations = key.FindMember("key_ops");
    if (operations == key.MemberEnd()) return true;
    return operations->value.IsArray() &&
           std::ranges::any_of(operations->value.GetArray(), [](const auto& one) {
               return one.IsString() && std::string_view(one.GetString(), one.GetStringLength()) == "verify";
           });
}

bool fits(const Value& key, JwtAlgorithm algorithm) {
    if (key.HasMember("alg") && text(key, "alg") != name_of(algorithm)) return false;
    switch (algorithm) {
        case JwtAlgorithm::rs256:
        case JwtAlgorithm::ps256:
            return text(key, "kty") == "RSA";
        case JwtAlgorithm::es256:
            return text(key, "kty") == "EC" && text(key, "crv") == "P-256";
        case JwtAlgorithm::eddsa:
            return text(key, "kty") == "OKP" && text(key, "crv") == "Ed25519";
        case JwtAlgorithm::hs256:
            return false;
    }
    return false;
}

std::optional<VerificationKey> make(const Value& key, JwtAlgorithm algorithm) {
    switch (algorithm) {
        case JwtAlgorithm::rs256:
        case JwtAlgorithm::ps256:
            return VerificationKey::of_rsa(algorithm, bytes(key, "n"), bytes(key, "e"));
        case JwtAlgorithm::es256:
            return VerificationKey::of_p256(bytes(key, "x"), bytes(key, "y"));
        case JwtAlgorithm::eddsa:
            return VerificationKey::of_ed25519(bytes(key, "x"));
        case JwtAlgorithm::hs256:
            return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace

Result<std::vector<NamedKey>> parse_jwks(std::string_view json, std::span<const JwtAlgorithm> accepted) {
    rapidjson::Document document;
    if (!read(json, document)) return bad_keys("the issuer's key set is not a JSON object");
    const auto list = document.FindMember("keys");
    if (list == document.MemberEnd() || !list->value.IsArray()) {
        return bad_keys("the issuer's key set has no list of keys");
    }
    if (list->value.Size() > max_keys) return bad_keys("the issuer's key set has more than 64 keys");
    std::vector<NamedKey> keys;
    for (const auto& key : list->value.GetArray()) {
        if (!key.IsObject() || !may_verify(key)) continue;
        const auto algorithm = std::ranges::find_if(accepted, [&](auto one) { return fits(key, one); });
        if (algorithm == accepted.end()) continue;
        if (auto made = make(key, *algorithm)) {
            keys.push_back({std::string(text(key, "kid")), std::move(*made)});
        }
    }
    if (keys.empty())
        return bad_keys("the issuer's key set has no key for the algorithms that are configured");
    return keys;
}

Result<std::string> parse_discovery(std::string_view json, std::string_view issuer) {
    rapidjson::Document document;
    if (!read(json, document)) return bad_keys("the issuer's openid-configuration is not a JSON object");
    if (text(document, "issuer") != issuer) {
        return bad_keys("the openid-configuration is another issuer's than the one that is configured");
    }
    const std::string_view address = text(document, "jwks_uri");
    if (address.empty()) return bad_keys("the issuer's openid-configuration has no jwks_uri");
    return std::string(address);
}

}  // namespace relevo
