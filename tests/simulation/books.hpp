#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/simulation/world.hpp"

namespace relevo {

using SimProblems = std::vector<std::string>;

/// How often each end of a message's way was reached: answered, human, superseded, dropped: why, dead.
using SimBooks = std::map<std::string, std::size_t>;
SimBooks count_ends(const SimWorld& world);

/// Nothing that was accepted is lost, and every message has one of the five ends.
void check_books(const SimWorld& world, SimProblems& out);
/// Each intent to send was right at the moment at which it was committed.
void check_claims(const SimWorld& world, SimProblems& out);

inline const SimReply* find_reply(const SimTenant& tenant, ReplyId id) {
    const auto found = tenant.replies.find(id);
    return found == tenant.replies.end() ? nullptr : &found->second;
}
inline const SimDelivery* find_delivery(const SimReply& reply, int attempt) {
    const auto place = static_cast<std::size_t>(attempt - 1);
    return place < reply.deliveries.size() ? &reply.deliveries[place] : nullptr;
}

}  // namespace relevo
