#include "http/address_guard.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "core/error.hpp"

namespace relevo {
namespace {

namespace ip = boost::asio::ip;

struct V4Range {
    std::uint32_t network;
    int bits;
    std::string_view reason;
};

constexpr std::uint32_t v4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
    return a << 24 | b << 16 | c << 8 | d;
}

// https://www.iana.org/assignments/iana-ipv4-special-registry, and multicast.
constexpr std::array v4_ranges{
    V4Range{v4(0, 0, 0, 0), 8, "is this machine's address"},
    V4Range{v4(10, 0, 0, 0), 8, "is a private address"},
    V4Range{v4(100, 64, 0, 0), 10, "is an address shared behind a provider"},
    V4Range{v4(127, 0, 0, 0), 8, "is this machine's address"},
    V4Range{v4(168, 63, 129, 16), 32,
            "is a cloud's own address"},                         // Azure's wire server, on a public address
    V4Range{v4(169, 254, 0, 0), 16, "is a link-local address"},  // clouds' metadata too
    V4Range{v4(172, 16, 0, 0), 12, "is a private address"},
    V4Range{v4(192, 0, 0, 0), 24, "is a reserved address"},
    V4Range{v4(192, 0, 2, 0), 24, "is an address for documentation"},
    V4Range{v4(192, 88, 99, 0), 24, "is a relay's address"},
    V4Range{v4(192, 168, 0, 0), 16, "is a private address"},
    V4Range{v4(198, 18, 0, 0), 15, "is an address for benchmarks"},
    V4Range{v4(198, 51, 100, 0), 24, "is an address for documentation"},
    V4Range{v4(203, 0, 113, 0), 24, "is an address for documentation"},
    V4Range{v4(224, 0, 0, 0), 4, "is a multicast address"},
    V4Range{v4(240, 0, 0, 0), 4, "is a reserved address"},
};

struct V6Range {
    std::array<std::uint8_t, 8> network;
    int bits;
    std::string_view reason;
};

// Of 2000::/3, the only part of IPv6 that is given out:
// https://www.iana.org/assignments/iana-ipv6-special-registry.
constexpr std::array v6_ranges{
    V6Range{
        {0x20, 0x01, 0x00}, 23, "is a reserved address"},  // Teredo, which carries an IPv4 address, is in it
    V6Range{{0x20, 0x01, 0x0d, 0xb8}, 32, "is an address for documentation"},
    V6Range{{0x20, 0x02}, 16, "carries an IPv4 address"},
    V6Range{{0x3f, 0xff, 0x00}, 20, "is an address for documentation"},
};

bool in_range(const ip::address_v6::bytes_type& address, const V6Range& range) {
    for (int bit = 0; bit < range.bits; ++bit) {
        const auto at = static_cast<std::size_t>(bit / 8);
        if (((address[at] ^ range.network[at]) >> (7 - bit % 8)) & 1) return false;
    }
    return true;
}

std::optional<std::string_view> forbidden(const ip::address_v4& address) {
    for (const auto& range : v4_ranges) {
        if ((address.to_uint() ^ range.network) >> (32 - range.bits) == 0) return range.reason;
    }
    return std::nullopt;
}

std::optional<std::string_view> forbidden(const ip::address_v6& address) {
    const auto bytes = address.to_bytes();
    // A network without IPv4 reaches the rest of the internet through these (RFC 6052): the IPv4 address
    // counts.
    constexpr std::array<std::uint8_t, 12> translated{0x00, 0x64, 0xff, 0x9b};
    if (std::equal(translated.begin(), translated.end(), bytes.begin())) {
        return forbidden(ip::address_v4({bytes[12], bytes[13], bytes[14], bytes[15]}));
    }
    if (address.is_loopback() || address.is_unspecified()) return "is this machine's address";
    if (bytes[0] >> 5 != 1) return "is no public address";
    if (address.scope_id() != 0) return "names an interface";
    for (const auto& range : v6_ranges) {
        if (in_range(bytes, range)) return range.reason;
    }
    return std::nullopt;
}

bool has_only(std::string_view host, std::string_view others) {
    return std::ranges::all_of(host, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || others.find(c) != std::string_view::npos;
    });
}

}  // namespace

std::optional<std::string_view> forbidden_origin(const Origin& origin) {
    // What listens below 1024 speaks another protocol than ours, and may obey what we send.
    const int port = std::stoi(origin.port);
    if (port != 80 && port != 443 && port < 1024) return "is a port of another service";
    boost::system::error_code no_address;
    const auto address = ip::make_address(origin.host, no_address);
    if (!no_address) return forbidden_address(address);
    std::string_view name = origin.host;
    if (name.ends_with('.')) name.remove_suffix(1);
    if (!has_only(name, "-_.") || name.find("..") != std::string_view::npos || name.starts_with('.') ||
        name.ends_with('.')) {
        return "is no host's name";
    }
    if (name.find('.') == std::string_view::npos) return "is no public name";
    // 127.1, 0x7f.0.0.1 and 017700000001 are addresses to whoever resolves them as C does.
    const auto last = name.substr(name.rfind('.') + 1);
    if (last[0] >= '0' && last[0] <= '9') return "is an address in disguise";
    return std::nullopt;
}

std::optional<std::string_view> forbidden_address(const ip::address& address) {
    return address.is_v4() ? forbidden(address.to_v4()) : forbidden(address.to_v6());
}

TrustedAddresses::TrustedAddresses(const std::vector<std::string>& addresses) {
    for (const auto& address : addresses) {
        const auto url = parse_url("http://" + address);
        if (!url || url->target != "/") {
            throw Failure(
                {Fault::permanent, "http.trusted_address",
                 "trusted_addresses: '" + address + "' is not host:port, such as models.internal:8000"});
        }
        origins_.insert(url->origin.to_string());  // as a URL's origin says it
    }
}

std::string stated_url_mistake(std::string_view url, const TrustedAddresses& trusted) {
    const auto parsed = parse_url(url);
    if (!parsed) return "is no http or https URL without a user, such as https://api.example.com/v1";
    if (trusted.contains(parsed->origin)) return {};
    const auto reason = forbidden_origin(parsed->origin);
    if (!reason) return {};
    return "must lead to the public internet, and " + parsed->origin.to_string() + " " +
           std::string(*reason) +
           "; the operator may list a server of the own network under trusted_addresses";
}

}  // namespace relevo
