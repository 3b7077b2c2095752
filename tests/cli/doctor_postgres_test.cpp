#include "tests/cli/healthy.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct Fixture : Healthy {
    std::string complain() const {
        return complaints(database_checks(), postgres, *this) +
               complaints(structure_checks(), postgres, *this) + complaints(schema_checks(), schema, *this);
    }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "of a database in which all is well nothing is said") {
    CHECK(complain() == "");
}

TEST_CASE_FIXTURE(Fixture, "PostgreSQL before 15 is wrong") {
    postgres.version = 140'012;
    check_one(complain(), "PostgreSQL version: wrong: ", {"PostgreSQL 14"});
}

TEST_CASE_FIXTURE(Fixture, "an extension that is missing or too old is wrong") {
    postgres.extensions["vector"] = "0.7.4";
    check_one(complain(), "extensions: wrong: ", {"pgvector 0.7.4", "ALTER EXTENSION"});
    postgres.extensions["vector"] = "1.0.0";
    CHECK(complain() == "");
    postgres.extensions.erase("unaccent");
    check_one(complain(), "extensions: wrong: ", {"unaccent", "bootstrap.sql"});
}

TEST_CASE_FIXTURE(Fixture, "a database that forgets what was committed is wrong") {
    for (const auto* name : {"fsync", "full_page_writes", "synchronous_commit"}) {
        Fixture other;
        other.postgres.settings[name] = "off";
        check_one(other.complain(), "durability: wrong: ", {name});
    }
}

TEST_CASE_FIXTURE(Fixture, "a standby and another encoding are wrong") {
    postgres.settings["in_recovery"] = "true";
    check_one(complain(), "durability: wrong: ", {"standby"});
    postgres.settings["in_recovery"] = "false";
    postgres.settings["server_encoding"] = "SQL_ASCII";
    check_one(complain(), "durability: wrong: ", {"SQL_ASCII"});
}

TEST_CASE_FIXTURE(Fixture, "a process whom no policy binds is wrong") {
    for (bool RoleFacts::*power :
         {&RoleFacts::superuser, &RoleFacts::bypasses_policies, &RoleFacts::owns_tables}) {
        Fixture other;
        other.postgres.process.*power = true;
        check_one(other.complain(), "process's role: wrong: ", {"relevo_app"});
    }
}

TEST_CASE_FIXTURE(Fixture, "autovacuum that is off and connections that run out are warnings") {
    postgres.settings["autovacuum"] = "off";
    check_one(complain(), "autovacuum: warning: ", {"on"});
    postgres.settings["autovacuum"] = "on";
    postgres.connections = 160;
    check_one(complain(), "connections: warning: ", {"160 of 200"});
}

TEST_CASE_FIXTURE(Fixture, "a clock behind ours is told") {
    postgres.ahead = Millis{-3'000};
    check_one(complain(), "PostgreSQL clock: warning: ", {"3 s behind ours"});
}

TEST_CASE_FIXTURE(Fixture,
                  "a table whose rows are not protected is wrong, and the statement that mends it is told") {
    postgres.tenant_tables.front().forced = false;
    check_one(complain(),
              "row-level security: wrong: ", {"messages", "ALTER TABLE messages FORCE ROW LEVEL SECURITY"});
    postgres.tenant_tables.front() = {"messages", false, true, true};
    check_one(complain(), "row-level security: wrong: ", {"ALTER TABLE messages ENABLE ROW LEVEL SECURITY"});
    postgres.tenant_tables.front() = {"messages", true, true, false};
    check_one(complain(), "row-level security: wrong: ", {"messages", "policy 'tenant'"});
}

TEST_CASE_FIXTURE(Fixture, "a view with its owner's rights and a strange function across shops are wrong") {
    postgres.views_as_owner = {"all_messages"};
    check_one(complain(), "views: wrong: ", {"all_messages", "security_invoker"});
    postgres.views_as_owner.clear();
    postgres.strange_definers = {"peek"};
    check_one(complain(), "functions across shops: wrong: ", {"peek"});
    postgres.strange_definers.clear();
    postgres.missing_definers = {"lease_timers"};
    check_one(complain(), "functions across shops: wrong: ", {"lease_timers"});
}

TEST_CASE_FIXTURE(Fixture, "indexes that are missing, broken or advisable are told") {
    postgres.missing_indexes = {"timers_due"};
    check_one(complain(), "indexes: wrong: ", {"timers_due"});
    postgres.missing_indexes.clear();
    postgres.broken_indexes = {"timers_due"};
    check_one(complain(), "indexes: wrong: ", {"REINDEX INDEX CONCURRENTLY timers_due"});
    postgres.broken_indexes.clear();
    postgres.unindexed_references = {"archive (tenant_id, account_id)"};
    check_one(complain(),
              "indexes: warning: ", {"CREATE INDEX CONCURRENTLY ON archive (tenant_id, account_id)"});
}

TEST_CASE_FIXTURE(Fixture, "a migration that is not applied is wrong") {
    schema.push_back({2, "0002_conversations", false});
    check_one(complain(), "migrations: wrong: ", {"0002_conversations", "relevo migrate up"});
}
