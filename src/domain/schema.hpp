#pragma once

#include <string>
#include <vector>

namespace relevo {

struct MigrationState {
    int version = 0;
    std::string name;
    bool applied = false;
};

/// The database's tables, for the command line: blocks. Throws Failure "schema.changed" where an applied migration's
/// file was edited, "schema.newer" where the database knows more migrations than this program, "schema.broken".
class Schema {
  public:
    virtual ~Schema() = default;
    virtual std::vector<MigrationState> status() = 0;
    /// Applies what is missing, each migration in a transaction of its own; the names of what was applied.
    virtual std::vector<std::string> up() = 0;
};

}  // namespace relevo
