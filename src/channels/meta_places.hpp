#pragma once

#include <string>
#include <string_view>

#include "domain/meta.hpp"

namespace relevo {

// Where the vault has what belongs to a connection; `value` is empty.

inline constexpr std::string_view token_name = "ACCESS_TOKEN";

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
