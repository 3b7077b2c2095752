#include "identity/jwt.hpp"

#include <rapidjson/document.h>
#include <sodium.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "core/utf8.hpp"

namespace relevo {
namespace {

// Auth0's and Supabase's tokens have 1 to 2 KiB; proxies cut headers at 8.
constexpr std::size_t max_token_bytes = 8 * 1024;
constexpr std::size_t max_key_id_bytes = 256;
constexpr std::size_t max_audiences = 32;
constexpr double last_second = 253'402'300'799;  // of the year 9999

using rapidjson::Value;

Error bad_token(const std::string& why) {
    return {Fault::permanent, "identity.bad_token",
            "the bearer token " + why + "; send the issuer's token as it was issued, or sign in again"};
}

std::string text_of(const Value& value) {
    return {value.GetString(), value.GetStringLength()};
}

// Whoever reads the first of two members of one name and whoever reads the last see two tokens.
bool has_twins(const Value& object) {
    std::set<std::string> names;
    return !std::ranges::all_of(
        object.GetObject(), [&](const auto& member) { return names.insert(text_of(member.name)).second; });
}

/// A part of the token as a JSON object, in `document`.
std::optional<Error> read_part(std::string_view part, const std::string& name,
                               rapidjson::Document& document) {
    const auto json = from_base64url(part);
    if (!json) return bad_token("has a " + name + " that is not base64url without padding");
    // RapidJSON skips a byte order mark and ends at a NUL.
    const bool plain = !json->starts_with("\xEF\xBB\xBF") && json->find('\0') == std::string::npos;
    if (plain) {
        constexpr unsigned parse_flags =
            rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
        document.Parse<parse_flags>(json->data(), json->size());
    }
    if (!plain || document.HasParseError() || !document.IsObject()) {
        return bad_token("has a " + name + " that is not a JSON object");
    }
    if (has_twins(document)) return bad_token("has a " + name + " with two members of one name");
    return std::nullopt;
}

const Value* member(const Value& object, const char* name) {
    const auto found = object.FindMember(name);
    return found == object.MemberEnd() ? nullptr : &found->value;
}

// RFC 8725, 3.11: a token made for something else, such as a logout, is no access token.
bool is_access_token(const Value& type) {
    if (!type.IsString()) return false;
    std::string name = text_of(type);
    for (auto& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (name.starts_with("application/")) name.erase(0, std::string_view("application/").size());
    return name == "jwt" || name == "at+jwt";
}

std::optional<Error> read_header(const Value& header, Jwt& jwt) {
    const Value* algorithm = member(header, "alg");
    if (!algorithm || !algorithm->IsString()) return bad_token("names no algorithm in its header");
    jwt.algorithm = text_of(*algorithm);
    for (const char* extension : {"crit", "b64"}) {
        if (member(header, extension)) {
            return bad_token("asks for an extension in its header (" + std::string(extension) + ")");
        }
    }
    if (member(header, "cty")) return bad_token("holds another token");
    const Value* type = member(header, "typ");
    if (type && !is_access_token(*type)) {
        return bad_token("is of another type than JWT or at+jwt");
    }
    if (const Value* key = member(header, "kid")) {
        if (!key->IsString() || key->GetStringLength() == 0 || key->GetStringLength() > max_key_id_bytes) {
            return bad_token("names its key (kid) with something else than a text of 1 to 256 bytes");
        }
        jwt.key_id = text_of(*key);
    }
    return std::nullopt;
}

/// RFC 7519's NumericDate: seconds, maybe with a fraction. Nothing where it is none.
std::optional<SysTime> time_of(const Value& value) {
    if (!value.IsNumber()) return std::nullopt;
    const double seconds = value.GetDouble();
    if (!(seconds >= 0 && seconds <= last_second)) return std::nullopt;
    return from_millis(static_cast<std::int64_t>(std::floor(seconds * 1'000)));
}

std::optional<Error> read_times(const Value& claims, Jwt& jwt) {
    const Value* expiry = member(claims, "exp");
    if (!expiry) return bad_token("never ends: it has no claim exp");
    const auto expires_at = time_of(*expiry);
    if (!expires_at) return bad_token("has a claim exp that is no time in seconds");
    jwt.expires_at = *expires_at;
    for (const auto& [name, time] : {std::pair{"nbf", &jwt.not_before}, std::pair{"iat", &jwt.issued_at}}) {
        const Value* claim = member(claims, name);
        if (!claim) continue;
        *time = time_of(*claim);
        if (!*time) return bad_token("has a claim " + std::string(name) + " that is no time in seconds");
    }
    return std::nullopt;
}

std::optional<Error> read_audiences(const Value& claims, Jwt& jwt) {
    const Value* audience = member(claims, "aud");
    if (!audience) return bad_token("says not for whom it is: it has no claim aud");
    if (audience->IsString()) {
        jwt.audiences.push_back(text_of(*audience));
        return std::nullopt;
    }
    const bool list =
        audience->IsArray() && audience->Size() <= max_audiences &&
        std::ranges::all_of(audience->GetArray(), [](const auto& one) { return one.IsString(); });
    if (!list) return bad_token("has a claim aud that is neither a text nor a list of up to 32 texts");
    for (const auto& one : audience->GetArray()) jwt.audiences.push_back(text_of(one));
    return std::nullopt;
}

std::optional<Error> read_claims(const Value& claims, Jwt& jwt) {
    for (const char* name : {"iss", "sub", "jti"}) {
        const Value* claim = member(claims, name);
        if (claim && !claim->IsString()) {
            return bad_token("has a claim " + std::string(name) + " that is no text");
        }
    }
    for (const auto& claim : claims.GetObject()) {
        if (!claim.value.IsString()) continue;
        std::string text = text_of(claim.value);
        // What is stored is made storable first: two subjects must not become one on the way.
        if (clean_utf8(text) != text) return bad_token("has a claim that is no well-formed text");
        jwt.texts.emplace(text_of(claim.name), std::move(text));
    }
    const auto issuer = jwt.texts.find("iss");
    if (issuer == jwt.texts.end()) return bad_token("names no issuer: it has no claim iss");
    jwt.issuer = issuer->second;
    const Value* verified = member(claims, "email_verified");
    jwt.email_verified = verified && verified->IsTrue();
    if (auto error = read_audiences(claims, jwt)) return error;
    return read_times(claims, jwt);
}

}  // namespace

Result<Jwt> parse_jwt(std::string_view token) {
    if (token.size() > max_token_bytes) return bad_token("is longer than 8192 bytes");
    if (std::ranges::count(token, '.') != 2) {
        return bad_token("is not three parts with dots between them, as a signed one is");
    }
    const auto first = token.find('.');
    const auto last = token.rfind('.');
    Jwt jwt;
    rapidjson::Document header;
    if (auto error = read_part(token.substr(0, first), "header", header)) return std::move(*error);
    if (auto error = read_header(header, jwt)) return std::move(*error);
    rapidjson::Document claims;
    if (auto error = read_part(token.substr(first + 1, last - first - 1), "body", claims)) {
        return std::move(*error);
    }
    if (auto error = read_claims(claims, jwt)) return std::move(*error);
    auto signature = from_base64url(token.substr(last + 1));
    if (!signature || signature->empty()) {
        return bad_token("has a signature that is empty or not base64url without padding");
    }
    jwt.signed_part = token.substr(0, last);
    jwt.signature = std::move(*signature);
    return jwt;
}

std::optional<std::string> from_base64url(std::string_view text) {
    std::string bytes(text.size(), '\0');
    std::size_t size = 0;
    if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                          text.size(), nullptr, &size, nullptr,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
        return std::nullopt;
    }
    bytes.resize(size);
    return bytes;
}

}  // namespace relevo
