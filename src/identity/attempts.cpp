#include "identity/attempts.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

namespace relevo {
namespace {

// Who guesses has a few tries an hour where a password of ten characters wants millions. The account's own
// limit is the widest: it is the one with which a stranger can lock somebody out, and then needs many
// addresses.
constexpr int most_of_address = 60;
constexpr int most_of_both = 10;
constexpr int most_of_account = 60;
constexpr Millis quarter{15 * 60'000};
constexpr Millis hour{60 * 60'000};

/// Whoever has an IPv6 address has the 2^64 of its network (RFC 6177).
std::string network_of(const std::string& address) {
    boost::system::error_code error;
    auto parsed = boost::asio::ip::make_address(address, error);
    if (error) return address;
    if (parsed.is_v4()) return parsed.to_string();
    auto six = parsed.to_v6();
    if (six.is_v4_mapped()) {
        return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, six).to_string();
    }
    auto bytes = six.to_bytes();
    std::fill(bytes.begin() + 8, bytes.end(), 0);
    return boost::asio::ip::address_v6(bytes).to_string();
}

}  // namespace

std::vector<AttemptLimit> limits_of_sign_in(std::string email, const std::string& address) {
    const std::string network = network_of(address);
    return {{"address", network, most_of_address, quarter},
            {"both", network + ' ' + email, most_of_both, quarter},
            {"account", std::move(email), most_of_account, hour}};
}

}  // namespace relevo
