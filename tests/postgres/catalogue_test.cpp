// What the catalogue says of every table, view and key, those of later migrations too: nobody has to remember
// it.

#include <doctest/doctest.h>

#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

// Tables whose rows belong to tenants, as `c`, and the column that says whose.
const std::string tenant_tables =
    "(SELECT c.oid, c.relname, CASE c.relname WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END AS owner, "
    "c.relrowsecurity, c.relforcerowsecurity, c.relowner FROM pg_class AS c "
    "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND (c.relname = 'tenants' OR "
    "EXISTS "
    "(SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT "
    "a.attisdropped)))";

}  // namespace

TEST_CASE("every table with a tenant has row-level security that its owner obeys too") {
    const TestDatabase test;
    CHECK(test.query("SELECT c.relname FROM " + tenant_tables +
                     " AS c WHERE NOT c.relrowsecurity OR NOT c.relforcerowsecurity") == "");
    // for reading and for writing, by the tenant that is set, for the process
    CHECK(test.query("SELECT c.relname FROM " + tenant_tables +
                     " AS c WHERE NOT EXISTS (SELECT FROM pg_policies AS p WHERE p.schemaname = 'public' AND "
                     "p.tablename = c.relname AND p.cmd IN ('ALL', 'SELECT') AND p.permissive = 'PERMISSIVE' "
                     "AND p.qual LIKE '%app.tenant_id%' AND p.roles = '{public}') "
                     "OR NOT EXISTS (SELECT FROM pg_policies AS p WHERE p.schemaname = 'public' AND "
                     "p.tablename = c.relname AND p.cmd IN ('ALL', 'INSERT') AND p.permissive = 'PERMISSIVE' "
                     "AND p.with_check LIKE '%app.tenant_id%' AND p.roles = '{public}')") == "");
    // whatever else lets the process see rows is named here
    CHECK(test.query("SELECT p.tablename, p.policyname FROM pg_policies AS p WHERE p.schemaname = 'public' "
                     "AND p.permissive = 'PERMISSIVE' AND p.roles && '{public,relevo_app}' "
                     "AND coalesce(p.qual, p.with_check) NOT LIKE '%app.tenant_id%' ORDER BY 1, 2") ==
          "roles|built_in");
    // and tables without a tenant are the installation's
    CHECK(test.query("SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_class AS c "
                     "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') "
                     "AND c.oid NOT IN (SELECT t.oid FROM " +
                     tenant_tables + " AS t)") ==
          "agent_templates installation personal_tables platform_operators prices schema_migrations scratch "
          "sign_in_attempts sweeps vault");
}

TEST_CASE("a view reads with the rights of whoever asks, never with its owner's") {
    const TestDatabase test;
    const std::string views_as_owner =
        "SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace "
        "AND (c.relkind = 'm' OR c.relkind = 'v' AND NOT coalesce(c.reloptions, '{}') && "
        "ARRAY['security_invoker=true', 'security_invoker=on', 'security_invoker=1']) "
        "AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')";
    CHECK(test.query(views_as_owner) == "");
    test.query("CREATE VIEW open_door AS SELECT id FROM messages");
    CHECK(test.query(views_as_owner) == "open_door");
}

TEST_CASE("a key that is not unique by its nature has the tenant in it, and so has what refers to it") {
    const TestDatabase test;
    // drawn by the database, unguessable, or one's name in the whole world
    CHECK(test.query("SELECT i.indexrelid::regclass FROM pg_index AS i JOIN " + tenant_tables +
                     " AS c ON c.oid = i.indrelid WHERE i.indisunique AND c.relname <> 'tenants' "
                     "AND NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid "
                     "AND a.attname = 'tenant_id' AND a.attnum = ANY (i.indkey)) ORDER BY "
                     "i.indexrelid::regclass::text") ==
          "accounts_live\n"
          "api_keys_hash_key\n"
          "audit_log_pkey\n"
          "dead_letters_pkey\n"
          "dead_letters_stage_topic_partition_record_offset_key\n"
          "endpoints_key_key\n"
          "endpoints_pkey\n"
          "roles_pkey\n"
          "sessions_hash_key\n"
          "timers_pkey\n"
          "user_identities_pkey\n"
          "user_passwords_email_key\n"
          "user_tickets_hash_key\n"
          "users_id_key");
    // an app's address serves accounts of several shops, a built-in role users of all
    CHECK(test.query("SELECT k.conname FROM pg_constraint AS k WHERE k.contype = 'f' AND k.conparentid = 0 "
                     "AND k.confrelid <> 'tenants'::regclass AND k.connamespace = 'public'::regnamespace "
                     "AND NOT EXISTS (SELECT FROM unnest(k.conkey, k.confkey) AS n(here, there) "
                     "JOIN pg_attribute AS h ON h.attrelid = k.conrelid AND h.attnum = n.here "
                     "JOIN pg_attribute AS t ON t.attrelid = k.confrelid AND t.attnum = n.there "
                     "WHERE h.attname = 'tenant_id' AND t.attname = 'tenant_id') ORDER BY 1") ==
          "accounts_endpoint_id_fkey\nformer_endpoints_endpoint_id_fkey\nuser_roles_role_id_fkey");
}

TEST_CASE("no role of ours passes the policies by, and the process owns nothing") {
    const TestDatabase test;
    CHECK(
        test.query(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'relevo\\_%' AND (rolsuper OR rolbypassrls)") ==
        "");
    CHECK(test.query(
              "SELECT c.relname FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner "
              "WHERE c.relnamespace = 'public'::regnamespace AND r.rolname <> 'relevo_owner' "
              "AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')") == "");
    CHECK(test.query("SELECT r.rolname FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.roleid "
                     "JOIN pg_roles AS u ON u.oid = m.member WHERE u.rolname = 'relevo_app'") == "");
    CHECK(test.query("SELECT p.proname FROM pg_proc AS p JOIN pg_roles AS r ON r.oid = p.proowner "
                     "WHERE p.pronamespace = 'public'::regnamespace AND r.rolname = 'relevo_app'") == "");
}
