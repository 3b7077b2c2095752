#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "domain/secret.hpp"

namespace relevo {

/// Where Redis is: redis://[user[:password]@]host[:port][/database]. A password alone:
/// redis://:password@host.
struct RedisAddress {
    std::string host;
    std::uint16_t port = 6379;
    std::string user;
    Secret password;
    int database = 0;
};

/// Error: redis.bad_url (permanent), which does not repeat the URL: it may hold a password.
Result<RedisAddress> parse_redis_url(std::string_view url);

}  // namespace relevo
