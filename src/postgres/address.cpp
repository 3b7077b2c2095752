#include "postgres/address.hpp"

#include <fmt/format.h>

#include <string_view>

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

}  // namespace relevo
