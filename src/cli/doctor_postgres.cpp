#include <charconv>

#include "cli/doctor.hpp"

namespace relevo {
namespace {

std::string value_of(const std::map<std::string, std::string>& values, const std::string& name) {
    const auto found = values.find(name);
    return found == values.end() ? std::string() : found->second;
}

// "0.8.1" as 8: what we compare is the minor version of 0.x.
bool older(std::string_view version, int major, int minor) {
    int found[2] = {0, 0};
    const char* end = version.data() + version.size();
    const auto first = std::from_chars(version.data(), end, found[0]);
    if (first.ptr != end) std::from_chars(first.ptr + 1, end, found[1]);
    return found[0] < major || (found[0] == major && found[1] < minor);
}

Findings version(const DatabaseFacts& database, const Setting&) {
    if (database.version < 150'000) {
        return {wrong(fmt::format("PostgreSQL {} is too old", database.version / 10'000),
                      "upgrade it to 15 or newer")};
    }
    return {all_well(fmt::format("PostgreSQL {}", database.version / 10'000))};
}

Findings extensions(const DatabaseFacts& database, const Setting&) {
    constexpr auto advice = "as superuser: psql -f docker/postgres/bootstrap.sql";
    Findings findings;
    for (const auto* name : {"unaccent", "pg_trgm", "vector"}) {
        if (!database.extensions.contains(name)) {
            findings.push_back(wrong(fmt::format("the extension {} is not installed", name), advice));
        }
    }
    const std::string vector = value_of(database.extensions, "vector");
    if (!vector.empty() && older(vector, 0, 8)) {
        findings.push_back(
            wrong(fmt::format("pgvector {} is too old: searches of small shops find too little", vector),
                  "install 0.8 or newer, then ALTER EXTENSION vector UPDATE"));
    }
    return or_all_well(std::move(findings), "pgvector " + vector + ", unaccent, pg_trgm");
}

Findings durability(const DatabaseFacts& database, const Setting&) {
    Findings findings;
    if (value_of(database.settings, "in_recovery") == "true") {
        findings.push_back(wrong("postgres.url leads to a standby, which takes no writes",
                                 "name the primary; with several hosts add target_session_attrs=read-write"));
    }
    for (const auto* name : {"fsync", "full_page_writes", "synchronous_commit"}) {
        if (value_of(database.settings, name) != "off") continue;
        findings.push_back(
            wrong(fmt::format("{} is off: a crash forgets what was committed, and what was sent is "
                              "sent again",
                              name),
                  fmt::format("set {} to on", name)));
    }
    if (const auto encoding = value_of(database.settings, "server_encoding"); encoding != "UTF8") {
        findings.push_back(wrong("the database is encoded in " + encoding, "make it anew in UTF8"));
    }
    return or_all_well(std::move(findings), "what is committed stays");
}

Findings process_role(const DatabaseFacts& database, const Setting&) {
    const RoleFacts& role = database.process;
    Findings findings;
    const auto refuse = [&](bool has, const char* what) {
        if (!has) return;
        findings.push_back(wrong(
            fmt::format("postgres.url names {}, who {}: no policy keeps shops apart then", role.name, what),
            "set postgres.url to the role relevo_app"));
    };
    refuse(role.superuser, "is superuser");
    refuse(role.bypasses_policies, "bypasses row-level security");
    refuse(role.owns_tables, "owns tables");
    return or_all_well(std::move(findings), role.name + " is bound by row-level security");
}

Findings vacuum(const DatabaseFacts& database, const Setting&) {
    if (value_of(database.settings, "autovacuum") != "off") return {all_well("autovacuum is on")};
    return {warning("autovacuum is off: tables grow and plans grow old", "set autovacuum to on")};
}

Findings connections(const DatabaseFacts& database, const Setting&) {
    const std::string limit = value_of(database.settings, "max_connections");
    int most = 0;
    std::from_chars(limit.data(), limit.data() + limit.size(), most);
    const std::string text = fmt::format("{} of {} connections are in use", database.connections, most);
    if (most > 0 && database.connections * 10 >= most * 8) {
        return {warning(text, "raise max_connections, or put fewer stages' processes beside each other")};
    }
    return {all_well(text)};
}

Findings clock(const DatabaseFacts& database, const Setting&) {
    return judge_clock("PostgreSQL's clock", database.ahead);
}

constexpr Check<DatabaseFacts> server_checks[] = {
    {"PostgreSQL version", version},  {"extensions", extensions}, {"durability", durability},
    {"process's role", process_role}, {"autovacuum", vacuum},     {"connections", connections},
    {"PostgreSQL clock", clock},
};

Findings rows_are_protected(const DatabaseFacts& database, const Setting&) {
    Findings findings;
    for (const auto& table : database.tenant_tables) {
        const char* lacks = !table.enabled ? "has no row-level security"
                            : !table.forced
                                ? "does not FORCE row-level security, so that its owner sees every shop"
                            : !table.policy ? "shows its rows to shops that they do not belong to"
                                            : nullptr;
        if (!lacks) continue;
        const char* repair = !table.enabled ? "ALTER TABLE {} ENABLE ROW LEVEL SECURITY"
                             : !table.forced
                                 ? "ALTER TABLE {} FORCE ROW LEVEL SECURITY"
                                 : "restore the policy 'tenant' of {} as its migration made it, and drop "
                                   "those that say true";
        findings.push_back(wrong(fmt::format("table {} {}", table.name, lacks),
                                 "as relevo_owner: " + fmt::format(fmt::runtime(repair), table.name)));
    }
    return or_all_well(std::move(findings), fmt::format("row-level security is forced on {} tables of shops",
                                                        database.tenant_tables.size()));
}

Findings views(const DatabaseFacts& database, const Setting&) {
    Findings findings;
    for (const auto& view : database.views_as_owner) {
        findings.push_back(
            wrong(fmt::format("view {} reads with its owner's rights", view),
                  fmt::format("ALTER VIEW {} SET (security_invoker = true), or drop it", view)));
    }
    return or_all_well(std::move(findings), "no view reads as its owner");
}

Findings crossing_functions(const DatabaseFacts& database, const Setting&) {
    Findings findings;
    for (const auto& name : database.strange_definers) {
        findings.push_back(wrong(
            fmt::format("function {} crosses shops (SECURITY DEFINER) and no migration made it so", name),
            fmt::format("drop {}, or ALTER FUNCTION {} SECURITY INVOKER", name, name)));
    }
    for (const auto& name : database.missing_definers) {
        findings.push_back(wrong(fmt::format("function {} is missing, or no SECURITY DEFINER", name),
                                 "restore it from the migration that makes it"));
    }
    return or_all_well(std::move(findings), "only the known functions cross shops");
}

Findings indexes(const DatabaseFacts& database, const Setting&) {
    Findings findings;
    for (const auto& name : database.missing_indexes) {
        findings.push_back(wrong(fmt::format("index {} is missing: what it serves reads whole tables", name),
                                 "make it again, CONCURRENTLY, as its migration does"));
    }
    for (const auto& name : database.broken_indexes) {
        findings.push_back(wrong(fmt::format("index {} is not valid: its build was cut", name),
                                 "REINDEX INDEX CONCURRENTLY " + name));
    }
    for (const auto& reference : database.unindexed_references) {
        findings.push_back(
            warning(fmt::format("foreign key {} has no index and the table is large", reference),
                    "CREATE INDEX CONCURRENTLY ON " + reference));
    }
    return or_all_well(std::move(findings), "every index is there and valid");
}

constexpr Check<DatabaseFacts> checks_of_structure[] = {
    {"row-level security", rows_are_protected},
    {"views", views},
    {"functions across shops", crossing_functions},
    {"indexes", indexes},
};

using Migrations = std::vector<MigrationState>;

Findings migrations(const Migrations& states, const Setting&) {
    Findings findings;
    for (const auto& state : states) {
        if (!state.applied) findings.push_back(wrong(state.name + " is not applied", "relevo migrate up"));
    }
    return or_all_well(std::move(findings),
                       fmt::format("{} migrations applied as they are in the folder", states.size()));
}

constexpr Check<Migrations> checks_of_schema[] = {{"migrations", migrations}};

}  // namespace

std::span<const Check<DatabaseFacts>> database_checks() {
    return server_checks;
}

std::span<const Check<DatabaseFacts>> structure_checks() {
    return checks_of_structure;
}

std::span<const Check<Migrations>> schema_checks() {
    return checks_of_schema;
}

}  // namespace relevo
