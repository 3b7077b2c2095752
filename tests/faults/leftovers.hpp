#pragma once

#include <map>
#include <set>
#include <string>

#include "kafka/settings.hpp"

namespace relevo::faults {

// Taking things away from servers that others use as well. Everything blocks, and throws Failure.

/// Topics and groups whose names begin with it.
void remove_topics(const KafkaSettings& cluster, const std::string& prefix);
/// Those of every id behind the mark ("MARK" + id + ".…"), except of `keep`. The prefixes that are gone.
std::set<std::string> remove_topics_but(const KafkaSettings& cluster, const std::string& mark,
                                        const std::set<std::string>& keep);
/// Connections by database, of those whose names begin with it.
std::map<std::string, int> databases_like(const std::string& owner_url, const std::string& mark);
/// Once nobody is connected any more.
void drop_database(const std::string& owner_url, const std::string& name);
/// Keys that begin with the prefix.
void wipe_keys(const std::string& redis_url, const std::string& prefix);

}  // namespace relevo::faults
