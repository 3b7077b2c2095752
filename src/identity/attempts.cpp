#include "identity/attempts.hpp"

#include "domain/ip_address.hpp"

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

}  // namespace

std::vector<AttemptLimit> limits_of_sign_in(std::string email, const std::string& address) {
    const std::string network = ip_network(address);
    return {{"address", network, most_of_address, quarter},
            {"both", network + ' ' + email, most_of_both, quarter},
            {"account", std::move(email), most_of_account, hour}};
}

}  // namespace relevo
