#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace relevo {

struct Migration {
    int version = 0;
    std::string name;      ///< "0001_tenants"
    std::string checksum;  ///< SHA-256 of the file, hex
    std::string sql;
    bool applied = false;
};

// Forward only: numbered files, each applied once in a transaction of its own. Both block; for the command
// line and the start. They throw Failure: "postgres.unavailable" (transient); permanent ones
//  schema.newer    the database knows a version that we do not: a newer relevo migrated it
//  schema.changed  a file is not what was applied: migrations are never edited
//  schema.broken   the folder has a gap or a file of another form, or a file's SQL failed

/// All of the folder's migrations, with what the database has of them. `url` as for migrate_up, or the
/// process's.
std::vector<Migration> migration_status(const std::string& url, const std::filesystem::path& folder);
/// Applies what is missing, as the role that owns the tables; the names of what was applied. Processes that
/// start together wait for each other.
std::vector<std::string> migrate_up(const std::string& url, const std::filesystem::path& folder);
/// For the start: throws Failure "schema.older" (permanent) where migrations are missing, else as above, and
/// "postgres.unsafe_role" (permanent) where the role owns tables or bypasses row-level security.
void check_schema(const std::string& url, const std::filesystem::path& folder);

}  // namespace relevo
