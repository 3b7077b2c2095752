#include "postgres/migrations.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <map>
#include <pqxx/pqxx>

#include "core/error.hpp"
#include "postgres/address.hpp"
#include "postgres/codec.hpp"

namespace relevo {
namespace {

namespace fs = std::filesystem;

// Any number that nobody else locks in this database.
constexpr long long migration_lock = 7'283'550'114;

[[noreturn]] void fail(std::string code, std::string text) {
    throw Failure({Fault::permanent, std::move(code), std::move(text)});
}

std::string sha256(std::string_view text) {
    std::string digest(crypto_hash_sha256_BYTES, '\0');
    crypto_hash_sha256(reinterpret_cast<unsigned char*>(digest.data()),
                       reinterpret_cast<const unsigned char*>(text.data()), text.size());
    return to_hex(digest);
}

Migration read(const fs::path& file) {
    Migration migration;
    migration.name = file.stem().string();
    const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
    if (migration.name.size() < 6 ||
        !std::all_of(migration.name.begin(), migration.name.begin() + 4, is_digit) ||
        migration.name[4] != '_') {
        fail("schema.broken", file.string() + ": a migration is named 0001_what_it_does.sql");
    }
    migration.version = std::stoi(migration.name.substr(0, 4));
    std::ifstream stream(file, std::ios::binary);
    migration.sql.assign(std::istreambuf_iterator<char>(stream), {});
    if (!stream || migration.sql.empty()) fail("schema.broken", "cannot read " + file.string());
    migration.checksum = sha256(migration.sql);
    return migration;
}

std::vector<Migration> read_folder(const fs::path& folder) {
    std::vector<Migration> migrations;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        if (entry.path().extension() == ".sql") migrations.push_back(read(entry.path()));
    }
    if (migrations.empty()) fail("schema.broken", "no migrations in " + folder.string());
    std::sort(migrations.begin(), migrations.end(),
              [](const auto& a, const auto& b) { return a.version < b.version; });
    for (std::size_t i = 0; i < migrations.size(); ++i) {
        if (migrations[i].version != static_cast<int>(i) + 1) {
            fail("schema.broken", fmt::format("migration {:04} is missing or there twice", i + 1));
        }
    }
    return migrations;
}

// Marks what is applied; refuses what cannot be ours.
void compare(pqxx::transaction_base& work, std::vector<Migration>& migrations) {
    if (work.query_value<bool>("SELECT to_regclass('public.schema_migrations') IS NULL")) return;
    for (const auto& [version, name, checksum] : work.query<int, std::string, std::string>(
             "SELECT version, name, checksum FROM schema_migrations ORDER BY 1")) {
        if (version > static_cast<int>(migrations.size())) {
            fail("schema.newer",
                 fmt::format("the database has migration {}, this relevo knows {}: run a newer relevo", name,
                             migrations.back().name));
        }
        Migration& known = migrations[static_cast<std::size_t>(version) - 1];
        if (known.checksum != checksum) {
            fail("schema.changed",
                 fmt::format("{} is not what was applied as {}: restore the file and put the "
                             "change into a migration of its own",
                             known.name, name));
        }
        known.applied = true;
    }
}

// Whether it came through; not where somebody held a table for longer than others may be kept waiting behind
// us.
bool try_to_apply(pqxx::connection& connection, const Migration& migration) {
    try {
        pqxx::work work(connection);
        work.exec("SET LOCAL lock_timeout = '2s'");
        work.exec(migration.sql);
        work.exec("INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
                  pqxx::params{migration.version, migration.name, migration.checksum});
        work.commit();
        return true;
    } catch (const pqxx::sql_error& failure) {
        constexpr std::string_view lock_not_available = "55P03";
        if (failure.sqlstate() == lock_not_available) return false;
        fail("schema.broken", fmt::format("{}: {}", migration.name, failure.what()));
    }
}

// An audit or a dump reads for minutes; in between everybody else goes on.
void apply(pqxx::connection& connection, const Migration& migration) {
    constexpr int tries = 120;
    for (int i = 0; i < tries; ++i) {
        if (try_to_apply(connection, migration)) return;
        pqxx::nontransaction(connection).exec("SELECT pg_sleep(3)");
    }
    throw Failure({Fault::transient, "schema.busy",
                   migration.name +
                       ": for ten minutes somebody held a table that it changes; end that, an audit "
                       "or a dump for example, and try again"});
}

void prepare(pqxx::connection& connection) {
    pqxx::work work(connection);
    work.exec(
        "CREATE TABLE IF NOT EXISTS schema_migrations (version integer PRIMARY KEY, name text NOT NULL,"
        " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())");
    work.exec("GRANT SELECT ON schema_migrations TO relevo_app, relevo_operator");
    work.commit();
}

// pqxx's errors of a server that is away, in our words.
template <class Body>
auto connected(const std::string& url, Body body) {
    try {
        pqxx::connection connection(with_defaults(url));
        {
            pqxx::nontransaction setup(connection);
            setup.exec("SET client_min_messages = warning");
        }
        return body(connection);
    } catch (const pqxx::broken_connection& failure) {
        throw Failure({Fault::transient, "postgres.unavailable", failure.what()});
    }
}

}  // namespace

std::vector<Migration> migration_status(const std::string& url, const fs::path& folder) {
    return connected(url, [&](pqxx::connection& connection) {
        std::vector<Migration> migrations = read_folder(folder);
        pqxx::read_transaction work(connection);
        compare(work, migrations);
        return migrations;
    });
}

std::vector<std::string> migrate_up(const std::string& url, const fs::path& folder) {
    return connected(url, [&](pqxx::connection& connection) {
        std::vector<Migration> migrations = read_folder(folder);
        {
            // of the session: it ends with the connection, whatever happens
            pqxx::nontransaction lock(connection);
            lock.exec("SELECT pg_advisory_lock($1)", pqxx::params{migration_lock});
        }
        prepare(connection);
        {
            pqxx::read_transaction work(connection);
            compare(work, migrations);
        }
        std::vector<std::string> applied;
        for (const auto& migration : migrations) {
            if (migration.applied) continue;
            apply(connection, migration);
            applied.push_back(migration.name);
        }
        return applied;
    });
}

void check_schema(const std::string& url, const fs::path& folder) {
    for (const auto& migration : migration_status(url, folder)) {
        if (!migration.applied) {
            fail("schema.older", "the database lacks " + migration.name + ": run relevo migrate up");
        }
    }
    connected(url, [](pqxx::connection& connection) {
        pqxx::read_transaction work(connection);
        const auto [role, bypasses, owns] = work.query1<std::string, bool, bool>(
            "SELECT rolname, rolsuper OR rolbypassrls,"
            " EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind "
            "IN ('r', 'p')"
            " AND pg_has_role(current_user, c.relowner, 'MEMBER'))"
            " FROM pg_roles WHERE rolname = current_user");
        if (bypasses || owns) {
            fail("postgres.unsafe_role",
                 role + (bypasses ? " bypasses row-level security" : " owns tables") +
                     ": connect as relevo_app, so that no statement can reach another tenant's rows");
        }
        return 0;
    });
}

}  // namespace relevo
