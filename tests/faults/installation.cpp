#include "tests/faults/installation.hpp"

#include <fmt/format.h>

#include <pqxx/pqxx>
#include <set>

#include "cli/commands.hpp"
#include "kafka/admin.hpp"
#include "postgres/migrations.hpp"
#include "postgres/shops.hpp"
#include "process/shared.hpp"
#include "tests/faults/leftovers.hpp"

namespace relevo::faults {
namespace {

constexpr const char* blank_database = "relevo_blank";

Secret owner_of(const Config& config) {
    if (!config.postgres_owner_url.empty()) return config.postgres_owner_url;
    throw Failure(
        {Fault::permanent, "prove.no_owner",
         "the configuration has no postgres.owner_url: prove makes a database of its own as that role"});
}

void create_database(const Config& servers, const std::string& name) {
    try {
        pqxx::connection connection(owner_of(servers).reveal());
        pqxx::nontransaction work(connection);
        work.exec(fmt::format("CREATE DATABASE {} TEMPLATE {}", name, blank_database));
        work.exec(fmt::format("REVOKE ALL ON DATABASE {} FROM PUBLIC", name));
        work.exec(fmt::format(
            "GRANT CONNECT ON DATABASE {} TO relevo_app, relevo_operator, relevo_operator_text", name));
    } catch (const pqxx::insufficient_privilege&) {
        throw Failure(
            {Fault::permanent, "prove.may_not_create",
             "prove makes a database of its own, and the role of postgres.owner_url may not: run "
             "docker/postgres/bootstrap.sql again, or as superuser ALTER ROLE relevo_owner CREATEDB"});
    } catch (const pqxx::sql_error& error) {
        throw Failure({Fault::permanent, "prove.no_template",
                       fmt::format("cannot make a database from the template {}, which "
                                   "docker/postgres/bootstrap.sql prepares: SQLSTATE {}",
                                   blank_database, error.sqlstate())});
    } catch (const pqxx::broken_connection&) {
        throw Failure({Fault::transient, "postgres.unavailable", "PostgreSQL does not answer"});
    }
}

Secret app_secret_of(int number) {
    return Secret(fmt::format("app-secret-{}", number));
}

ShopSpec shop_spec(int number, Millis quiet) {
    ShopSpec shop;
    shop.slug = fmt::format("prove-{}", number);
    shop.name = fmt::format("Shop {}", number);
    shop.agent.provider = "openai";
    shop.agent.model = "fake";
    shop.agent.quiet_ms = static_cast<int>(quiet.count());
    shop.whatsapp.emplace();
    shop.whatsapp->numbers = {
        {fmt::format("77000000{:04}", number), fmt::format("+1 555 010 {:04}", number)}};
    shop.whatsapp->app_secret = app_secret_of(number);
    shop.whatsapp->access_token = Secret(fmt::format("token-{}", number));
    shop.credentials.push_back({"openai", "API_KEY", Secret("key")});
    return shop;
}

// The tenant's eyes; 0 sees what belongs to nobody.
void see_as(pqxx::transaction_base& work, std::int64_t tenant) {
    work.exec("SELECT set_config('app.tenant_id', $1, true)",
              pqxx::params{tenant ? std::to_string(tenant) : std::string()});
}

}  // namespace

Installation::Installation(const Config& servers, Isolated isolated, int shops, Millis quiet)
    : servers_(servers),
      isolated_(std::move(isolated)),
      config_(isolate(servers, isolated_)),
      pipelines_(load_pipelines(servers.pipelines)) {
    create_database(servers_, isolated_.database());
    try {
        migrate_up(config_.postgres_owner_url.reveal(), config_.migrations);
        KafkaAdmin kafka(kafka_settings(config_));
        for (const auto& pipeline : pipelines_) {
            kafka.apply(pipeline, config_.replication, [](const std::string&) {});
        }
        make_shops(shops, quiet);
    } catch (const Failure&) {
        remove();
        throw;
    }
}

void Installation::make_shops(int count, Millis quiet) {
    Database database(database_config(config_.postgres_url));
    PostgresVault vault(database, master_keys(config_));
    SystemRandom random;
    for (int number = 1; number <= count; ++number) {
        await(apply_shop(database, vault, shop_spec(number, quiet), random));
    }
    int number = 0;
    for (const auto& listing : await(list_shops(database, vault))) {
        shops_.push_back({listing.tenant.value, listing.whatsapp->accounts.front(), listing.whatsapp->key,
                          app_secret_of(++number)});
    }
    installation_id_ = await(relevo::installation_id(database));
}

void Installation::remove() {
    std::optional<Error> failed;
    const auto attempt = [&](const std::function<void()>& step) {
        try {
            step();
        } catch (const Failure& failure) {
            failed = failure.error();  // one server that is away keeps nothing on the others
        }
    };
    attempt([&] {
        if (!installation_id_.empty()) wipe_redis();
    });
    attempt([&] { remove_topics(kafka_settings(servers_), isolated_.prefix()); });
    attempt([&] { drop_database(owner_of(servers_).reveal(), isolated_.database()); });
    if (failed) throw Failure(*failed);
}

void Installation::wipe_redis() {
    wipe_keys(servers_.redis_url, "relevo:" + installation_id_ + ":");
}

Progress Installation::progress() {
    Progress sum;
    pqxx::connection connection(config_.postgres_url.reveal());
    pqxx::work work(connection);
    std::vector<std::int64_t> tenants{0};
    for (const auto& shop : shops_) tenants.push_back(shop.tenant);
    for (const auto tenant : tenants) {
        see_as(work, tenant);
        const auto row = work.exec(
                                 "SELECT (SELECT count(*) FROM turns WHERE status = 'open'),"
                                 " (SELECT count(*) FROM replies WHERE status = 'pending'),"
                                 " (SELECT count(*) FROM messages AS m JOIN conversations AS c"
                                 "  ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id"
                                 "  WHERE m.turn_id IS NULL AND m.direction = 'in' AND m.kind = 'message'"
                                 "  AND m.seq > c.handled_seq),"
                                 " (SELECT count(*) FROM timers),"
                                 " (SELECT count(*) FROM turns WHERE status = 'answered'),"
                                 " (SELECT count(*) FROM dead_letters)")
                             .one_row();
        sum.open_turns += row[0].as<std::int64_t>();
        sum.pending_bubbles += row[1].as<std::int64_t>();
        sum.unclaimed += row[2].as<std::int64_t>();
        sum.timers += row[3].as<std::int64_t>();
        sum.answered_turns += row[4].as<std::int64_t>();
        sum.letters += row[5].as<std::int64_t>();
    }
    KafkaAdmin kafka(kafka_settings(config_));
    for (const auto& pipeline : pipelines_) {
        for (const auto& lag : kafka.lag(pipeline)) sum.lag += lag.behind + lag.held;
    }
    return sum;
}

Rows Installation::rows() {
    Rows rows;
    pqxx::connection connection(config_.postgres_url.reveal());
    pqxx::work work(connection);
    const auto letters = [&] {
        for (const auto& [stage, code, value] : work.query<std::string, std::string, std::string>(
                 "SELECT stage, code, encode(value, 'escape') FROM dead_letters")) {
            rows.letters.push_back({stage, code, value});
        }
    };
    see_as(work, 0);
    letters();
    for (const auto& shop : shops_) {
        see_as(work, shop.tenant);
        letters();
        for (const auto& [event, conversation, seq, turn] :
             work.query<std::string, std::string, std::int64_t, std::string>(
                 "SELECT event_id, conversation_id, seq, coalesce(turn_id::text, '') FROM messages"
                 " WHERE reply_id IS NULL")) {
            rows.messages.push_back({event, conversation, seq, turn});
        }
        for (const auto& [id, handled] :
             work.query<std::string, std::int64_t>("SELECT id, handled_seq FROM conversations")) {
            rows.conversations.push_back({id, handled});
        }
        for (const auto& [id, status, reason, by] :
             work.query<std::string, std::string, std::string, std::string>(
                 "SELECT id, status, reason, coalesce(superseded_by::text, '') FROM turns")) {
            rows.turns.push_back({id, status, reason, by});
        }
        for (const auto& [id, conversation, turn, text, status, reason, seq, index, unknown] :
             work.query<std::string, std::string, std::string, std::string, std::string, std::string,
                        std::int64_t, std::int64_t, bool>(
                 "SELECT id, conversation_id, coalesce(turn_id::text, ''), text, status, reason, order_seq,"
                 " order_index, EXISTS (SELECT FROM deliveries AS d WHERE d.tenant_id = r.tenant_id"
                 " AND d.reply_id = r.id AND d.status = 'unknown') FROM replies AS r")) {
            rows.replies.push_back({id, conversation, turn, text, status, reason, seq, index, unknown});
        }
        for (const auto& [event] : work.query<std::string>("SELECT event_id FROM archive")) {
            rows.archived.push_back(event);
        }
    }
    return rows;
}

void Installation::clean(const Config& servers, const std::function<void(const std::string&)>& tell) {
    const std::string owner = owner_of(servers).reveal();
    const std::string mark = "relevo_prove_";
    std::set<std::string> in_use;
    for (const auto& [database, connections] : databases_like(owner, mark)) {
        const std::string id = database.substr(mark.size());
        if (connections > 0) {
            in_use.insert(id);
            tell(fmt::format("{}: in use, left alone", database));
            continue;
        }
        drop_database(owner, database);
        tell(fmt::format("{}: dropped", database));
    }
    for (const auto& prefix : remove_topics_but(kafka_settings(servers), "relevo-prove.", in_use)) {
        tell(fmt::format("topics and groups {}*: removed", prefix));
    }
}

}  // namespace relevo::faults
