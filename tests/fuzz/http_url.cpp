#include "http/url.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "http/address_guard.hpp"
#include "tests/fuzz/target.hpp"

using namespace relevo;
using namespace relevo::fuzz;

namespace {

/// What reaches this machine or its neighbours, told by other means than the guard's.
bool internal(const boost::asio::ip::address& address) {
    if (address.is_loopback() || address.is_unspecified() || address.is_multicast()) return true;
    if (address.is_v4()) {
        const auto b = address.to_v4().to_bytes();
        return b[0] == 10 || (b[0] == 172 && b[1] / 16 == 1) || (b[0] == 192 && b[1] == 168) ||
               (b[0] == 169 && b[1] == 254) || (b[0] == 100 && b[1] / 64 == 1) || b[0] == 0;
    }
    const auto v6 = address.to_v6();
    if (v6.is_v4_mapped()) return true;
    const auto b = v6.to_bytes();
    return v6.is_link_local() || v6.is_site_local() || (b[0] & 0xfe) == 0xfc ||
           (b[0] == 0x20 && b[1] == 0x02);
}

/// What stands between // and the path, in lower case and without its port.
std::string host_in(std::string_view text) {
    const auto start = text.find("//") + 2;
    std::string host(text.substr(start, text.find_first_of("/?#", start) - start));
    host.resize(std::min(host.find(':'), host.size()));
    for (auto& c : host) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return host;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto url = parse_url(text_of(data, size));
    if (!url) return 0;
    const auto& origin = url->origin;
    const auto control = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; };
    for (const char c : url->target + origin.host)
        require(!control(c), "nothing in it ends a line or a word");
    require(url->target.starts_with('/') && url->target.find('#') == std::string::npos,
            "a target is path and query");
    const int port = std::stoi(origin.port);
    require(port > 0 && port < 65'536, "a port is one");

    const bool v6 = origin.host.find(':') != std::string::npos;
    const std::string host = v6 ? "[" + origin.host + "]" : origin.host;
    if (!v6) require(host_in(text_of(data, size)) == host, "a host is all of it");
    const auto again =
        parse_url((origin.tls ? "https://" : "http://") + host + ":" + origin.port + url->target);
    require(again && again->origin == origin && again->target == url->target, "a URL is itself");

    if (forbidden_origin(origin)) return 0;
    require(origin.host.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz.-_:") == std::string::npos,
            "a host is plain");
    boost::system::error_code no_address;
    const auto address = boost::asio::ip::make_address(origin.host, no_address);
    if (!no_address) {
        require(!internal(address), "no internal address passes");
    } else {
        in_addr number{};
        require(::inet_aton(origin.host.c_str(), &number) == 0, "no number passes as a name");
    }
    return 0;
}
