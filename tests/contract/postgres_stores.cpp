#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "core/json_object.hpp"
#include "postgres/timers_source.hpp"
#include "tests/contract/stores.hpp"

namespace relevo::testing {
namespace {

// As the simulated database tells it. A text's line ends are slashes, so that a row is a line.
constexpr std::string_view all_rows = R"(
SELECT format('contact %s %s', tenant_id, id) FROM contacts
UNION ALL SELECT format('alias %s %s %s | %s', tenant_id, kind, value, contact_id) FROM aliases
UNION ALL SELECT format('archive %s %s %s', tenant_id, account_id, event_id) FROM archive
UNION ALL SELECT format('conversation %s | %s, epoch %s, handled %s of %s, to %s | next %s | first answer %s', id,
    mode, epoch, handled_seq, last_seq, address_value,
    CASE next_send_at WHEN '-infinity' THEN 0 ELSE to_millis(next_send_at) END,
    coalesce(first_answer::text, '-')) FROM conversations
UNION ALL SELECT format('message %s | %s %s %s: %s | %s at %s | turn %s | reply %s', direction, seq,
    CASE author WHEN 'system' THEN 'agent' ELSE author END, kind, replace(text, E'\n', '/'), conversation_id,
    to_millis(appended_at), coalesce(turn_id::text, '-'), coalesce(reply_id::text, '-')) FROM messages
UNION ALL SELECT format('turn %s | %s%s | %s first %s last %s at %s | supersedes %s count %s | epoch %s', id, status,
    CASE reason WHEN '' THEN '' ELSE ': ' || reason END, conversation_id, first_seq, last_seq, to_millis(first_at),
    coalesce(supersedes::text, '-'), supersedes_count, epoch) FROM turns
UNION ALL SELECT format('step %s %s | cutoff %s | pending %s', turn_id, step, coalesce(request ->> 'cutoff', '-'),
    (SELECT coalesce(string_agg(p, ',' ORDER BY p), '') FROM jsonb_array_elements_text(request -> 'pending') AS p))
    FROM steps
UNION ALL SELECT format('reply %s | %s%s | %s turn %s %s %s | epoch %s order %s.%s | due %s asked %s', id, status,
    CASE reason WHEN '' THEN '' ELSE ': ' || reason END, conversation_id, coalesce(turn_id::text, '-'), author,
    replace(text, E'\n', '/'), epoch, order_seq, order_index, coalesce(to_millis(due_at), 0),
    coalesce(to_millis(asked_at), 0)) FROM replies
UNION ALL SELECT format('delivery %s %s | %s, %s, receipt %s | due %s at %s', reply_id, attempt, status, provider_id,
    coalesce(receipt, '-'), coalesce(to_millis(due_at), 0), to_millis(at)) FROM deliveries
UNION ALL SELECT format('timer %s | due %s parks %s | %s %s', id, to_millis(due_at), parks, key, value) FROM timers
UNION ALL SELECT format('budget %s %s | spent %s, reserved %s | hard %s soft %s from %s until %s', tenant_id, period, spent,
    reserved, coalesce(hard, -1), coalesce(soft, -1), to_millis(starts_at), to_millis(ends_at)) FROM budgets
UNION ALL SELECT format('budget event %s %s %s | %s | from %s', e.tenant_id, b.period, e.kind, e.times,
    to_millis(e.starts_at)) FROM budget_events AS e JOIN budgets AS b ON b.id = e.budget_id
UNION ALL SELECT format('call %s %s %s | %s, reserved %s, cut off %s, cost %s | %s at %s until %s | %s tokens %s %s %s',
    turn_id, step, attempt, status, reserved, cut_off, coalesce(cost::text, '-'), model, to_millis(reserved_at),
    to_millis(expires_at), code, coalesce(input_tokens, 0), coalesce(cached_tokens, 0), coalesce(output_tokens, 0))
    FROM model_calls
UNION ALL SELECT format('dead letter %s %s %s %s | %s %s', stage, topic, partition, record_offset, code, attempts)
    FROM dead_letters
)";

}  // namespace

struct PostgresStores::Parts {
    boost::asio::io_context io;
    Fixture fixture{2};
    std::unique_ptr<Timers> timers = make_timers(fixture.database);
    std::unique_ptr<DeadLetters> dead_letters = make_dead_letters(fixture.database);
    std::vector<std::unique_ptr<RelayStore>> relays;
};

PostgresStores::PostgresStores() : parts_(std::make_unique<Parts>()) {
    Fixture& fixture = parts_->fixture;
    fixture.test.query("UPDATE tenants SET fallback_text = 'fallback'");  // as the simulated shops say it
    fixture.test.query(
        "INSERT INTO prices (provider, model, valid_from, currency, input, cached_input, output) VALUES "
        "('sim', 'cheap', 'epoch', 'USD', 1000000, 500000, 2000000), "
        "('sim', 'dear*', 'epoch', 'USD', 100000000, 50000000, 200000000) RETURNING 1");
    ballet = fixture.ballet;
    other = fixture.other;
    resolve = fixture.resolve.get();
    buffer = fixture.buffer.get();
    retrieve = fixture.retrieve.get();
    infer = fixture.infer.get();
    relay = fixture.relay.get();
    settle = fixture.settle.get();
    handoff = fixture.handoff.get();
    timers = parts_->timers.get();
    dead_letters = parts_->dead_letters.get();
}

PostgresStores::~PostgresStores() = default;

boost::asio::any_io_executor PostgresStores::executor() {
    return parts_->io.get_executor();
}

void PostgresStores::work() {
    parts_->io.restart();
    parts_->io.run_one();
}

RelayStore& PostgresStores::another_relay() {
    using Unknown = ChannelLimits::Unknown;
    const PaceLimit pace{PaceLimit::Per::account, {}};
    parts_->relays.push_back(
        make_relay_store(parts_->fixture.database, {{"whatsapp", {{}, Millis{4'000}, Unknown::hold}},
                                                    {"telegram", {{}, Millis{4'000}, Unknown::hold, {pace}}},
                                                    {"web", {{}, Millis{4'000}, Unknown::resend}}}));
    return *parts_->relays.back();
}

std::unique_ptr<Source> PostgresStores::timers_source() {
    return std::make_unique<TimersSource>(executor(), parts_->fixture.database, clock, Millis{0});
}

void PostgresStores::redact(const PersonalKinds& kinds) {
    std::vector<std::string> names;
    for (const PersonalKind kind : kinds) names.push_back(json_text(name_of(kind)));
    parts_->fixture.test.query("UPDATE tenants SET redact = '" + json_array(names) +
                               "' WHERE slug = 'ballet'");
}

void PostgresStores::disclose(const std::string& sentence) {
    const std::string to = " WHERE tenant_id = " + std::to_string(ballet.value);
    parts_->fixture.test.query("UPDATE agents SET disclosure = '" + sentence + "'" + to);
    parts_->fixture.test.query("UPDATE agent_versions SET snapshot = snapshot || '" +
                               JsonObject().text("disclosure", sentence).str() + "'" + to);
}

void PostgresStores::hand_over(const Account& account, SysTime ended, TenantId to, EndpointId under,
                               SysTime claimed) {
    const auto moment = [](SysTime when) { return fmt::format("from_millis({})", to_millis(when)); };
    const auto row = [&](TenantId tenant) {
        return fmt::format(" WHERE id = '{}' AND tenant_id = {}", account.id.to_string(), tenant.value);
    };
    // by the database's clock both would be now
    for (const auto& sql :
         {"UPDATE accounts SET retired_at = " + moment(ended) + row(account.tenant),
          "INSERT INTO accounts (tenant_id, id, channel, external_id, endpoint_id, agent_id) "
          "SELECT " +
              fmt::format("{0}, id, channel, external_id, {1}, (SELECT min(g.id) FROM agents AS g "
                          "WHERE g.tenant_id = {0}) FROM accounts",
                          to.value, under.value) +
              row(account.tenant),
          "UPDATE accounts SET held = tstzmultirange(tstzrange(NULL, " + moment(ended) + "))" +
              row(account.tenant),
          "UPDATE accounts SET held = tstzmultirange(tstzrange(" + moment(claimed) + ", NULL))" + row(to)})
        parts_->fixture.test.query(sql);
}

std::string PostgresStores::rows() {
    std::istringstream in(parts_->fixture.test.query(all_rows));
    std::vector<std::string> rows;
    for (std::string line; std::getline(in, line);) rows.push_back(line);
    std::sort(rows.begin(), rows.end());
    std::string text;
    for (const auto& row : rows) text += row + "\n";
    return text;
}

void PostgresStores::set_budget(const std::string& period, std::optional<std::int64_t> hard,
                                std::optional<std::int64_t> soft, SysTime when) {
    JsonObject request;
    request.text("period", period).text("currency", "USD").time("now", when);
    if (hard) request.number("hard", *hard);
    if (soft) request.number("soft", *soft);
    run(parts_->fixture.database.call("set_budget", ballet, request.str()));
}

void PostgresStores::clear() {
    parts_->relays.clear();
    clock = SimClock(at(0));
    parts_->fixture.test.query(
        "TRUNCATE contacts, archive, timers, dead_letters, model_calls, budgets CASCADE");
}

std::vector<Account> PostgresStores::accounts() {
    std::vector<Account> all;
    for (const auto& [channel, id] : std::vector<std::pair<std::string, std::string>>{{"whatsapp", "1001"},
                                                                                      {"telegram", "777"},
                                                                                      {"web", "ballet"},
                                                                                      {"whatsapp", "2002"},
                                                                                      {"web", "ferreteria"}})
        all.push_back(account(channel, id));
    return all;
}

}  // namespace relevo::testing
