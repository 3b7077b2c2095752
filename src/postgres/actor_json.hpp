#pragma once

#include <string>

#include "domain/identity_stores.hpp"

namespace relevo {

/// The member "actor" of an operation's request: whatever the operation changes of a shop's settings, the
/// audit log has as theirs (acting() in migrations/0039_people.sql). Without it: the operator's at the
/// command line, or else the process's.
std::string actor_json(const Actor& actor);

}  // namespace relevo
