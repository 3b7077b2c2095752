#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace relevo {

/// How often librdkafka reported each of its errors, by name, since the process started; of all its clients.
/// Safe from any thread.
std::map<std::string, std::uint64_t> kafka_problems();

}  // namespace relevo
