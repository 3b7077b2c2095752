#include "identity/access_secret.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/digest.hpp"

namespace relevo {
namespace {

constexpr std::size_t random_bytes = 32;
constexpr std::size_t check_digits = 8;
constexpr std::array<std::pair<SecretKind, std::string_view>, 3> prefixes{{
    {SecretKind::api_key, "rlv_key_"},
    {SecretKind::session, "rlv_session_"},
    {SecretKind::ticket, "rlv_ticket_"},
}};

std::string check_of(std::string_view text) {
    return sha256_hex(text).substr(0, check_digits);
}

}  // namespace

NewSecret draw_secret(SecretKind kind, Random& random) {
    const auto* const prefix =
        std::ranges::find(prefixes, kind, &std::pair<SecretKind, std::string_view>::first);
    std::string text = std::string(prefix->second) + random.hex(random_bytes);
    text += check_of(text);
    NewSecret drawn;
    drawn.hash = hash_of_secret(text);
    drawn.last4 = text.substr(text.size() - 4);
    drawn.shown = Secret(std::move(text));
    return drawn;
}

DrawnKey draw_key(ApiKeyId id, std::string name, Permissions scopes, std::optional<SysTime> expires_at,
                  Random& random) {
    auto drawn = draw_secret(SecretKind::api_key, random);
    return {{id, std::move(name), scopes, std::move(drawn.hash), std::move(drawn.last4), std::nullopt,
             expires_at},
            std::move(drawn.shown)};
}

bool looks_like_secret(std::string_view text) {
    return text.starts_with("rlv_");
}

std::optional<SecretKind> kind_of_secret(std::string_view text) {
    for (const auto& [kind, prefix] : prefixes) {
        if (!text.starts_with(prefix)) continue;
        const std::string_view digits = text.substr(prefix.size());
        const bool complete = digits.size() == 2 * random_bytes + check_digits &&
                              digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
        if (!complete) return std::nullopt;
        const auto body = text.substr(0, text.size() - check_digits);
        if (check_of(body) != text.substr(body.size())) return std::nullopt;
        return kind;
    }
    return std::nullopt;
}

SecretHash hash_of_secret(std::string_view text) {
    return {sha256_hex(text)};
}

}  // namespace relevo
