#include "http/forwarded.hpp"

#include <algorithm>
#include <optional>

#include "domain/ip_address.hpp"
#include "http/ascii.hpp"

namespace relevo {
namespace {

constexpr std::string_view header = "x-forwarded-for";

std::string_view trimmed(std::string_view text) {
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && blank(text.back())) text.remove_suffix(1);
    return text;
}

}  // namespace

std::string client_address(const HttpRequest& request, const std::vector<std::string>& proxies) {
    std::vector<std::string_view> hops;
    for (const auto& [name, value] : request.headers) {
        if (!std::ranges::equal(name, header, {}, lower)) continue;
        std::string_view rest = value;
        while (true) {
            const auto comma = rest.find(',');
            hops.push_back(trimmed(rest.substr(0, comma)));
            if (comma == rest.npos) break;
            rest.remove_prefix(comma + 1);
        }
    }
    std::string client = ip_address(request.peer).value_or(request.peer);
    while (!hops.empty() && std::ranges::count(proxies, client) > 0) {
        auto before = ip_address(hops.back());
        hops.pop_back();
        if (!before) break;
        client = std::move(*before);
    }
    return client;
}

}  // namespace relevo
