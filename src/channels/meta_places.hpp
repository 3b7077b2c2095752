#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "domain/meta.hpp"

namespace relevo {

// Where the vault has what belongs to a connection; `value` is empty.

inline constexpr std::string_view token_name = "ACCESS_TOKEN";
inline constexpr std::string_view app_secret_name = "APP_SECRET";

/// What a sign-in of that kind gives accounts of.
inline std::vector<std::string_view> channels_of(MetaKind kind) {
    if (kind == MetaKind::instagram) return {"instagram"};
    return {"whatsapp", "messenger"};
}

inline bool has_numbers(const std::vector<MetaConnection>& connections) {
    return std::ranges::any_of(connections, [](const MetaConnection& connection) {
        return std::ranges::any_of(connection.accounts, [](const MetaAccount& account) {
            return account.asset.channel == "whatsapp";
        });
    });
}

/// Where the channel looks for its secrets.
inline std::string category_of(std::string_view channel) {
    return channel == "whatsapp" ? "whatsapp_cloud" : std::string(channel);
}

inline MetaSecret token_place(MetaKind kind) {
    return {kind == MetaKind::facebook ? "meta" : "instagram", std::string(token_name), {}};
}

/// Of a connection that has no token yet that lasts.
inline MetaSecret short_token_place(MetaConnectionId id) {
    return {"meta", "TOKEN_" + id.to_string(), {}};
}

/// Of a WhatsApp number's two-step verification.
inline std::string pin_name(const std::string& number) {
    return "PIN_" + number;
}

}  // namespace relevo
