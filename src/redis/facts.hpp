#pragma once

#include <string_view>

#include "domain/facts.hpp"

namespace relevo {

/// What the Redis of this URL says of itself; blocks for some seconds at most. Throws Failure:
/// "redis.unavailable" (transient), "redis.bad_url", "redis.refused" (permanent).
RedisFacts read_redis_facts(std::string_view url);

}  // namespace relevo
