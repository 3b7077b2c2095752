#include "postgres/facts.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <pqxx/pqxx>
#include <span>
#include <thread>

#include "domain/asked_models.hpp"
#include "postgres/address.hpp"
#include "postgres/codec.hpp"
#include "postgres/inference.hpp"
#include "postgres/made_by_migrations.hpp"

namespace relevo {
namespace {

// Cuts the connection when the time is over: a server that froze answers no statement_timeout.
class Deadline {
  public:
    explicit Deadline(pqxx::connection& connection)
        : thread_([this, socket = connection.sock()] {
              std::unique_lock lock(mutex_);
              if (!over_.wait_for(lock, facts_deadline, [this] { return ended_; })) {
                  ::shutdown(socket, SHUT_RDWR);
              }
          }) {}
    ~Deadline() {
        {
            const std::lock_guard lock(mutex_);
            ended_ = true;
        }
        over_.notify_one();
        thread_.join();
    }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

  private:
    std::mutex mutex_;
    std::condition_variable over_;
    bool ended_ = false;
    std::thread thread_;
};

template <class Body>
auto read(const Secret& url, Body body) {
    try {
        pqxx::connection connection(with_defaults(url.reveal()));
        const Deadline deadline(connection);
        pqxx::read_transaction work(connection);
        return body(work);
    } catch (const pqxx::broken_connection& failure) {
        std::string text = failure.what();
        while (!text.empty() && text.back() == '\n') text.pop_back();
        throw Failure({Fault::transient, "postgres.unavailable", std::move(text)});
    } catch (const pqxx::sql_error& failure) {
        throw Failure({Fault::permanent, "postgres.rejected",
                       fmt::format("SQLSTATE {}: {}", failure.sqlstate(), failure.what())});
    }
}

std::vector<std::string> texts(pqxx::transaction_base& work, pqxx::zview sql) {
    std::vector<std::string> out;
    for (const auto& row : work.exec(sql)) out.push_back(row[0].as<std::string>());
    return out;
}

std::map<std::string, std::string> pairs(pqxx::transaction_base& work, pqxx::zview sql) {
    std::map<std::string, std::string> out;
    for (const auto& row : work.exec(sql)) out[row[0].as<std::string>()] = row[1].as<std::string>();
    return out;
}

bool contains(std::span<const std::string_view> names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string> missing(std::span<const std::string_view> expected,
                                 const std::map<std::string, std::string>& there) {
    std::vector<std::string> out;
    for (const auto name : expected) {
        if (!there.contains(std::string(name))) out.emplace_back(name);
    }
    return out;
}

RoleFacts role_facts(pqxx::transaction_base& work) {
    const auto [name, superuser, bypasses, owns] = work.query1<std::string, bool, bool, bool>(
        "SELECT rolname, rolsuper, rolbypassrls, EXISTS (SELECT FROM pg_class AS c"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
        " AND pg_has_role(current_user, c.relowner, 'MEMBER')) FROM pg_roles WHERE rolname = current_user");
    return {name, superuser, bypasses, owns};
}

std::vector<TableFacts> tenant_tables(pqxx::transaction_base& work) {
    std::vector<TableFacts> out;
    for (const auto& [name, enabled, forced, policy] : work.query<std::string, bool, bool, bool>(
             // a policy that shows the process every row is none
             "SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,"
             " EXISTS (SELECT FROM pg_policies AS p WHERE p.schemaname = 'public' AND p.tablename = c.relname"
             "  AND p.policyname = 'tenant' AND p.cmd = 'ALL' AND p.with_check IS NOT NULL)"
             " AND NOT EXISTS (SELECT FROM pg_policies AS p WHERE p.schemaname = 'public'"
             "  AND p.tablename = c.relname AND (p.qual = 'true' OR p.with_check = 'true')"
             "  AND p.roles && ARRAY['public', current_user]::name[])"
             " FROM pg_class AS c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
             " AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND NOT a.attisdropped"
             "  AND (a.attname = 'tenant_id' OR c.relname = 'tenants' AND a.attname = 'id')) ORDER BY 1")) {
        out.push_back({name, enabled, forced, policy});
    }
    return out;
}

// Who deletes or changes a referenced row reads the whole table where there is no index. Small tables bear
// it; tenants are never deleted.
constexpr auto unindexed_references =
    "SELECT format('%s (%s)', r.relname, (SELECT string_agg(a.attname, ', ' ORDER BY k.place)"
    "  FROM unnest(c.conkey) WITH ORDINALITY AS k(number, place)"
    "  JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.number))"
    " FROM pg_constraint AS c JOIN pg_class AS r ON r.oid = c.conrelid"
    " WHERE c.contype = 'f' AND c.conparentid = 0 AND r.relnamespace = 'public'::regnamespace"
    " AND r.reltuples > 100000 AND cardinality(c.conkey) > 1"
    " AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.conrelid AND i.indisvalid"
    "  AND (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey) ORDER BY 1";

// Refused ones, and those whose token should have been replaced two days ago.
constexpr auto stuck_connections =
    "SELECT t.slug, c.kind, c.code FROM meta_connections AS c JOIN tenants AS t ON t.id = c.tenant_id"
    " WHERE c.status = 'refused'"
    " UNION ALL SELECT t.slug, c.kind, '' FROM meta_connections AS c JOIN tenants AS t ON t.id = c.tenant_id"
    " WHERE c.status = 'connected' AND c.refresh_at < now() - interval '2 days'"
    " UNION ALL SELECT t.slug, a.channel || ' account ' || a.external_id, m.code FROM meta_accounts AS m"
    " JOIN accounts AS a ON a.tenant_id = m.tenant_id AND a.id = m.account_id"
    " JOIN tenants AS t ON t.id = m.tenant_id WHERE m.code <> '' AND a.retired_at IS NULL ORDER BY 1, 2";

Millis clock_ahead(pqxx::transaction_base& work) {
    const auto now = [] {
        return std::chrono::duration_cast<Millis>(std::chrono::system_clock::now().time_since_epoch());
    };
    const Millis before = now();
    const Millis theirs{
        work.query_value<std::int64_t>("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint")};
    return theirs - (before + now()) / 2;
}

}  // namespace

DatabaseFacts read_database_facts(const Secret& url) {
    return read(url, [](pqxx::transaction_base& work) {
        DatabaseFacts facts;
        facts.version = work.query_value<int>("SELECT current_setting('server_version_num')::integer");
        facts.extensions = pairs(work, "SELECT extname, extversion FROM pg_extension");
        facts.settings = pairs(
            work,
            "SELECT name, setting FROM pg_settings WHERE name IN ('autovacuum', 'fsync', 'full_page_writes',"
            " 'synchronous_commit', 'max_connections', 'server_encoding')"
            " UNION ALL SELECT 'in_recovery', pg_is_in_recovery()::text");
        facts.process = role_facts(work);
        facts.tenant_tables = tenant_tables(work);
        facts.views_as_owner =
            texts(work,
                  "SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace"
                  " AND (c.relkind = 'm' OR c.relkind = 'v' AND NOT coalesce(c.reloptions, '{}')"
                  "  && ARRAY['security_invoker=true', 'security_invoker=on', 'security_invoker=1'])"
                  " AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e') "
                  "ORDER BY 1");
        const auto functions =
            pairs(work,
                  "SELECT p.proname, bool_and(r.rolname = 'relevo_router' AND p.proconfig IS NOT NULL)"
                  " FROM pg_proc AS p JOIN pg_roles AS r ON r.oid = p.proowner"
                  " WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace AND NOT EXISTS"
                  " (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e') GROUP BY 1");
        for (const auto& [name, as_made] : functions) {
            if (as_made != "t" || !contains(definer_functions, name)) facts.strange_definers.push_back(name);
        }
        facts.missing_definers = missing(definer_functions, functions);
        const auto indexes = pairs(
            work,
            "SELECT c.relname, i.indisvalid FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid"
            " WHERE c.relnamespace = 'public'::regnamespace");
        for (const auto& [name, valid] : indexes) {
            if (valid != "t") facts.broken_indexes.push_back(name);
        }
        facts.missing_indexes = missing(made_indexes, indexes);
        facts.unindexed_references = texts(work, unindexed_references);
        facts.connections = work.query_value<int>("SELECT sum(numbackends) FROM pg_stat_database");
        facts.ahead = clock_ahead(work);
        return facts;
    });
}

WaitingFacts read_waiting_facts(const Secret& operator_url) {
    return read(operator_url, [](pqxx::transaction_base& work) {
        WaitingFacts facts;
        facts.role = role_facts(work);
        for (const auto& [stage, count] : work.query<std::string, std::int64_t>(
                 "SELECT stage, count(*) FROM dead_letters WHERE status = 'dead' GROUP BY stage")) {
            facts.dead_letters[stage] = count;
        }
        const auto [overdue, longest] = work.query1<std::int64_t, std::int64_t>(
            "SELECT count(*), coalesce(floor(extract(epoch FROM now() - min(due_at)) * 1000), 0)::bigint"
            " FROM timers WHERE due_at < now() AND (leased_until IS NULL OR leased_until < now())");
        facts.overdue_timers = overdue;
        facts.longest_overdue = Millis{longest};
        for (const auto& [shop, what, code] :
             work.query<std::string, std::string, std::string>(stuck_connections)) {
            facts.connections.push_back({shop, what, code});
        }
        return facts;
    });
}

namespace {

ModelFacts::Price price_of(pqxx::transaction_base& work, std::int64_t tenant, std::int64_t agent,
                           const FallbackModel& model) {
    const auto [limits, missing, ending] = work.query1<std::int64_t, std::int64_t, std::int64_t>(
        "SELECT count(*), count(*) FILTER (WHERE NOT EXISTS (SELECT FROM price_of($3, $4, $5, now()) AS p"
        " WHERE p.currency = b.currency)),"
        " count(*) FILTER (WHERE NOT EXISTS (SELECT FROM price_of($3, $4, $5, now() + interval '7 days') AS p"
        " WHERE p.currency = b.currency))"
        " FROM budgets AS b"
        " WHERE b.tenant_id = $1 AND b.hard IS NOT NULL AND (b.agent_id IS NULL OR b.agent_id = $2)",
        pqxx::params{tenant, agent, model.provider, model.base_url, model.model});
    if (limits == 0) return ModelFacts::Price::unlimited;
    if (missing > 0) return ModelFacts::Price::missing;
    return ending > 0 ? ModelFacts::Price::ends : ModelFacts::Price::known;
}

}  // namespace

ShopFacts read_shop_facts(const Secret& url) {
    return read(url, [](pqxx::transaction_base& work) {
        ShopFacts facts;
        std::map<std::int64_t, std::string> keys;  // by the endpoint's id: an app serves other shops, too
        std::vector<std::int64_t> endpoints;       // of the accounts
        for (const auto& [tenant, shop] :
             work.query<std::int64_t, std::string>("SELECT id, slug FROM list_tenants()")) {
            work.exec("SELECT set_config('app.tenant_id', $1, true)", pqxx::params{tenant});
            for (const auto& [id, key] : work.query<std::int64_t, std::string>(
                     "SELECT id, key FROM endpoints WHERE tenant_id = $1", pqxx::params{tenant})) {
                keys[id] = key;
            }
            for (const auto& [channel, account, endpoint] :
                 work.query<std::string, std::string, std::int64_t>(
                     "SELECT channel, external_id, endpoint_id FROM accounts"
                     " WHERE tenant_id = $1 AND retired_at IS NULL ORDER BY channel, external_id",
                     pqxx::params{tenant})) {
                facts.accounts.push_back({{tenant}, shop, channel, account, {}});
                endpoints.push_back(endpoint);
            }
            for (const auto& [id, snapshot] : work.query<std::int64_t, std::string>(
                     "SELECT g.id, agent_snapshot(g) FROM agents AS g WHERE g.tenant_id = $1 AND EXISTS "
                     "(SELECT"
                     " FROM accounts AS a WHERE a.tenant_id = $1 AND a.agent_id = g.id"
                     " AND a.retired_at IS NULL) ORDER BY g.id",
                     pqxx::params{tenant})) {
                const Agent agent = parse_agent(Json::parse(snapshot));
                std::vector<ModelFacts::Price> prices;
                for (const auto& model : asked_models(agent))
                    prices.push_back(price_of(work, tenant, id, model));
                facts.agents.push_back({{tenant}, shop, agent, std::move(prices)});
            }
            const auto listed = work.query_value<std::string>("SELECT op_list_credentials('{}')");
            for (auto& credential : sealed_credentials(listed)) {
                facts.credentials.push_back({{tenant}, shop, std::move(credential)});
            }
        }
        for (std::size_t i = 0; i < endpoints.size(); ++i) facts.accounts[i].key = keys[endpoints[i]];
        return facts;
    });
}

}  // namespace relevo
