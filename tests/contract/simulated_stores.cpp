#include <fmt/format.h>

#include <algorithm>

#include "tests/contract/stores.hpp"
#include "tests/simulation/sim_stores.hpp"

namespace relevo::testing {
namespace {

// Without faults, and in no time.
SimRates no_faults() {
    SimRates rates;
    rates.longest_call = Millis{0};
    return rates;
}

std::vector<Account> two_shops() {
    std::vector<Account> accounts;
    const auto add = [&](std::int64_t tenant, const std::string& channel, const std::string& external_id) {
        Account account;
        account.tenant = {tenant};
        account.id = account_id(channel, external_id);
        account.channel = channel;
        account.external_id = external_id;
        account.endpoint = {static_cast<std::int64_t>(accounts.size()) + 1};
        account.window = {Millis{16'000}, Millis{60'000}, 20};
        accounts.push_back(account);
    };
    add(1, "whatsapp", "1001");
    add(1, "telegram", "777");
    add(1, "web", "ballet");
    add(2, "whatsapp", "2002");
    add(2, "web", "ferreteria");
    return accounts;
}

std::string name_of(SimTurn::Status status) {
    constexpr const char* names[] = {"open", "answered", "superseded", "failed", "dropped"};
    return names[static_cast<int>(status)];
}

std::string name_of(SimReply::Status status) {
    constexpr const char* names[] = {"pending", "sent", "dropped", "failed", "unknown"};
    return names[static_cast<int>(status)];
}

std::string name_of(SimDelivery::Status status) {
    constexpr const char* names[] = {"intent", "confirmed", "unknown", "failed"};
    return names[static_cast<int>(status)];
}

std::string name_of(HistoryLine::Author author) {
    constexpr const char* names[] = {"contact", "agent", "human"};
    return names[static_cast<int>(author)];
}

std::string name_of(InboundKind kind) {
    constexpr const char* names[] = {"message", "reaction", "echo"};
    return names[static_cast<int>(kind)];
}

std::string name_of(std::optional<ReceiptStatus> receipt) {
    constexpr const char* names[] = {"sent", "delivered", "read", "failed"};
    return receipt ? names[static_cast<int>(*receipt)] : "-";
}

template <class Id>
std::string name_of(const std::optional<Id>& id) {
    return id ? id->to_string() : "-";
}

std::int64_t millis_of(std::optional<SysTime> time) {
    return time ? to_millis(*time) : 0;
}

std::string with_reason(std::string status, const std::string& reason) {
    return reason.empty() ? status : status + ": " + reason;
}

// A row is a line.
std::string one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', '/');
    return text;
}

using Rows = std::vector<std::string>;

void add_conversation(const SimConversation& it, Rows& rows) {
    rows.push_back(
        fmt::format("conversation {} | {}, epoch {}, handled {} of {}, to {} | next {} | first answer {}",
                    it.id.to_string(), it.human ? "human" : "agent", it.epoch, it.handled_seq, it.last_seq,
                    it.to.value, to_millis(it.next_send), name_of(it.first_answer)));
    for (const auto& message : it.messages) {
        rows.push_back(fmt::format(
            "message {} | {} {} {}: {} | {} at {} | turn {} | reply {}", message.inbound ? "in" : "out",
            message.seq, name_of(message.author), name_of(message.kind), one_line(message.text),
            it.id.to_string(), to_millis(message.appended), name_of(message.turn), name_of(message.reply)));
    }
}

void add_turn(const SimTurn& it, Rows& rows) {
    rows.push_back(fmt::format("turn {} | {} | {} first {} last {} at {} | supersedes {} count {} | epoch {}",
                               it.id.to_string(), with_reason(name_of(it.status), it.reason),
                               it.conversation.to_string(), it.first_seq, it.last_seq, to_millis(it.first_at),
                               name_of(it.supersedes), it.supersedes_count, it.epoch));
    for (const auto& [number, step] : it.steps) {
        Rows pending;
        for (const auto& reply : step.pending) pending.push_back(reply.to_string());
        std::sort(pending.begin(), pending.end());
        rows.push_back(fmt::format("step {} {} | cutoff {} | pending {}", it.id.to_string(), number,
                                   step.cutoff ? std::to_string(*step.cutoff) : "-",
                                   fmt::join(pending, ",")));
    }
}

void add_reply(const SimReply& it, Rows& rows) {
    const char* author = !it.turn ? "human" : it.by_agent ? "agent" : "system";
    rows.push_back(fmt::format("reply {} | {} | {} turn {} {} {} | epoch {} order {}.{} | due {} asked {}",
                               it.id.to_string(), with_reason(name_of(it.status), it.reason),
                               it.conversation.to_string(), name_of(it.turn), author, one_line(it.text),
                               it.epoch, it.order.first, it.order.second, millis_of(it.due),
                               to_millis(it.asked)));
    int attempt = 0;
    for (const auto& delivery : it.deliveries) {
        rows.push_back(fmt::format("delivery {} {} | {}, {}, receipt {} | due {} at {}", it.id.to_string(),
                                   ++attempt, name_of(delivery.status), delivery.provider_id,
                                   name_of(delivery.receipt), millis_of(delivery.due),
                                   to_millis(delivery.at)));
    }
}

void add_money(TenantId id, const SimTenant& it, Rows& rows) {
    for (const auto& budget : it.budgets) {
        rows.push_back(fmt::format("budget {} {} | spent {}, reserved {} | hard {} soft {} from {} until {}",
                                   id.value, budget.period, budget.spent, budget.reserved,
                                   budget.hard.value_or(-1), budget.soft.value_or(-1),
                                   to_millis(budget.starts), to_millis(budget.ends)));
        for (const auto& [key, times] : budget.events) {
            rows.push_back(fmt::format("budget event {} {} {} | {} | from {}", id.value, budget.period,
                                       key.second, times, to_millis(key.first)));
        }
    }
    constexpr const char* states[] = {"open", "settled", "released"};
    for (const auto& [key, call] : it.calls) {
        const auto& [turn, step, attempt] = key;
        const bool ended = call.status == SimCall::Status::settled;
        rows.push_back(fmt::format(
            "call {} {} {} | {}, reserved {}, cut off {}, cost {} | {} at {} until {} | {} tokens {} {} {}",
            turn.to_string(), step, attempt, states[static_cast<int>(call.status)], call.reserved,
            call.cut_off, call.cost ? std::to_string(*call.cost) : "-", call.model,
            to_millis(call.reserved_at), to_millis(call.expires), call.code,
            ended ? call.usage.input_tokens : 0, ended ? call.usage.cached_tokens : 0,
            ended ? call.usage.output_tokens : 0));
    }
}

void add_tenant(TenantId id, const SimTenant& it, Rows& rows) {
    add_money(id, it, rows);
    for (const auto& contact : it.contacts)
        rows.push_back(fmt::format("contact {} {}", id.value, contact.to_string()));
    for (const auto& [alias, contact] : it.aliases)
        rows.push_back(
            fmt::format("alias {} {} {} | {}", id.value, alias.first, alias.second, contact.to_string()));
    for (const auto& [account, event] : it.archive)
        rows.push_back(fmt::format("archive {} {} {}", id.value, account.to_string(), event));
    for (const auto& [key, conversation] : it.conversations) add_conversation(conversation, rows);
    for (const auto& [key, turn] : it.turns) add_turn(turn, rows);
    for (const auto& [key, reply] : it.replies) add_reply(reply, rows);
}

}  // namespace

struct SimulatedStores::Parts {
    explicit Parts(SimClock& its_clock) : clock(its_clock), trace(clock, false) {
        database.counts_money = true;
        database.prices = {{"cheap", 1'000'000, 500'000, 2'000'000},
                           {"dear*", 100'000'000, 50'000'000, 200'000'000}};
    }
    std::shared_ptr<SimFaults> make_faults() {
        return std::make_shared<SimFaults>(static_cast<int>(processes.size()), clock, trace, rates, 0);
    }
    SimStores& add_process() {
        processes.push_back(std::make_unique<SimStores>(database, make_faults()));
        return *processes.back();
    }
    SimClock& clock;
    SimTrace trace;
    const SimRates rates = no_faults();
    SimDatabase database;
    std::vector<std::unique_ptr<SimStores>> processes;
    SimLoop loop;
};

SimulatedStores::SimulatedStores() : SimulatedStores(two_shops()) {}

SimulatedStores::SimulatedStores(std::vector<Account> accounts) : parts_(std::make_unique<Parts>(clock)) {
    ballet = accounts.front().tenant;
    other = accounts.back().tenant;
    parts_->database.accounts = std::move(accounts);
    parts_->database.resending = {"web"};
    parts_->database.limited = {"telegram"};
    SimStores& stores = parts_->add_process();
    resolve = &stores.resolve();
    buffer = &stores.buffer();
    retrieve = &stores.retrieve();
    infer = &stores.infer();
    relay = &stores.relay();
    settle = &stores.settle();
    handoff = &stores.handoff();
    timers = &stores.timers();
    dead_letters = &stores.dead_letters();
}

SimulatedStores::~SimulatedStores() = default;

boost::asio::any_io_executor SimulatedStores::executor() {
    return parts_->loop.executor();
}

void SimulatedStores::work() {
    if (parts_->loop.is_ready()) return parts_->loop.run_one();
    clock.set(clock.next().value());
    clock.happen(0);
}

RelayStore& SimulatedStores::another_relay() {
    return parts_->add_process().relay();
}

std::unique_ptr<Source> SimulatedStores::timers_source() {
    return std::make_unique<SimTimersSource>(parts_->database, parts_->make_faults(), clock);
}

void SimulatedStores::redact(const PersonalKinds& kinds) {
    parts_->database.tenants[ballet].redact = kinds;
}

void SimulatedStores::disclose(const std::string& sentence) {
    parts_->database.tenants[ballet].disclosure = sentence;
}

void SimulatedStores::hand_over(const Account& account, SysTime ended, TenantId to, EndpointId under,
                                SysTime claimed) {
    SimDatabase& database = parts_->database;
    for (auto& row : database.accounts) row.retired = row.retired || row.id == account.id;
    Account taken = account;
    taken.tenant = to;
    taken.endpoint = under;
    taken.others.clear();
    database.accounts.push_back(taken);
    database.held[{account.tenant, account.id}] = {SysTime::min(), ended};
    database.held[{to, account.id}] = {claimed, SysTime::max()};
}

void SimulatedStores::set_budget(const std::string& period, std::optional<std::int64_t> hard,
                                 std::optional<std::int64_t> soft, SysTime when) {
    parts_->database.set_budget(ballet, period, hard, soft, when);
}

std::string SimulatedStores::rows() {
    const SimDatabase& database = parts_->database;
    Rows rows;
    for (const auto& [id, tenant] : database.tenants) add_tenant(id, tenant, rows);
    for (const auto& [id, row] : database.timers) {
        rows.push_back(fmt::format("timer {} | due {} parks {} | {} {}", id.to_string(),
                                   to_millis(row.timer.due), row.parks, row.timer.record.key,
                                   row.timer.record.value));
    }
    for (const auto& [key, it] : database.dead_letters) {
        rows.push_back(fmt::format("dead letter {} {} {} {} | {} {}", it.stage, it.topic, it.partition,
                                   it.offset.value, it.code, it.attempts));
    }
    std::sort(rows.begin(), rows.end());
    std::string text;
    for (const auto& row : rows) text += row + "\n";
    return text;
}

}  // namespace relevo::testing
