#include "domain/ip_address.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

namespace relevo {
namespace {

namespace ip = boost::asio::ip;

std::optional<ip::address> parsed(std::string_view text) {
    boost::system::error_code error;
    auto address = ip::make_address(std::string(text), error);
    if (error) return std::nullopt;
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        return ip::make_address_v4(ip::v4_mapped, address.to_v6());
    return address;
}

}  // namespace

std::optional<std::string> ip_address(std::string_view text) {
    const auto address = parsed(text);
    if (!address) return std::nullopt;
    return address->to_string();
}

std::string ip_network(const std::string& address) {
    const auto known = parsed(address);
    if (!known) return address;
    if (known->is_v4()) return known->to_string();
    auto bytes = known->to_v6().to_bytes();
    std::fill(bytes.begin() + 8, bytes.end(), 0);
    return ip::address_v6(bytes).to_string();
}

}  // namespace relevo
