#include "postgres/address.hpp"

#include <fmt/format.h>

namespace relevo {

std::string with_defaults(std::string url) {
    const auto add = [&url](std::string_view name, std::string_view value) {
        if (url.find(fmt::format("{}=", name)) != std::string::npos) return;
        url += fmt::format("{}{}={}", url.find('?') == std::string::npos ? '?' : '&', name, value);
    };
    add("connect_timeout", "2");
    add("keepalives_idle", "5");
    add("keepalives_interval", "2");
    add("keepalives_count", "3");
    add("tcp_user_timeout", "10000");
    add("application_name", "relevo");
    return url;
}

std::string for_operator(std::string url, std::string_view user) {
    constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    if (user.empty() || user.find_first_not_of(plain) != std::string_view::npos) return url;
    const std::string setting = fmt::format("-c%20app.operator%3D{}", user);
    const auto options = url.find("options=");
    if (options != std::string::npos) return url.insert(options + 8, setting + "%20");
    url += fmt::format("{}options={}", url.find('?') == std::string::npos ? '?' : '&', setting);
    return url;
}

}  // namespace relevo
