#include "postgres/connection.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <pqxx/pqxx>
#include <span>

#include "postgres/address.hpp"

namespace relevo {
namespace {

std::int64_t steady_millis() {
    return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool starts_with(std::string_view text, std::string_view start) {
    return text.substr(0, start.size()) == start;
}

}  // namespace

struct Connection::Session {
    explicit Session(const DatabaseConfig& config) : connection(with_defaults(config.url)) {}
    void prepare(Millis deadline) {
        pqxx::nontransaction setup(connection);
        setup.exec(fmt::format("SET statement_timeout = {}", deadline.count()));
        setup.exec("SET client_min_messages = warning");
        connection.prepare("run_batch", "SELECT place, result FROM run_batch($1, $2::jsonb)");
    }
    pqxx::connection connection;
};

Connection::Connection(const DatabaseConfig& config) : config_(config) {}

Connection::~Connection() = default;

std::optional<Error> Connection::open() {
    if (session_) return std::nullopt;
    try {
        auto session = std::make_unique<Session>(config_);
        {
            const std::lock_guard lock(mutex_);
            if (closed_) return Error{Fault::transient, "postgres.unavailable", "the process is stopping"};
            session_ =
                std::move(session);  // from here on it can be cut: a server may freeze right after the login
        }
        busy_since_ = steady_millis();
        session_->prepare(config_.deadline);
        busy_since_ = 0;
        return std::nullopt;
    } catch (const std::exception& failure) {
        busy_since_ = 0;
        const std::lock_guard lock(mutex_);
        session_.reset();
        std::string text = failure.what();
        while (!text.empty() && text.back() == '\n') text.pop_back();
        return Error{Fault::transient, "postgres.unavailable", std::move(text)};
    }
}

void Connection::cut() {
    const std::lock_guard lock(mutex_);
    if (session_) ::shutdown(session_->connection.sock(), SHUT_RDWR);
}

void Connection::close() {
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    cut();
}

Millis Connection::busy_for() const {
    const std::int64_t since = busy_since_;
    return Millis{since == 0 ? 0 : steady_millis() - since};
}

Batch Connection::run(const Batch& batch) {
    Error error;
    Ended ended = try_run(batch, error);
    if (ended == Ended::ok) return {};
    if (ended == Ended::lost) return batch;
    // One after the other: a bad call fails alone. A call alone takes its locks in one order, so that a lost
    // race is worth another try: PostgreSQL chose us because the others go on.
    constexpr int tries = 5;
    Batch lost;
    for (const auto& call : batch) {
        if (call->abandoned()) continue;
        if (ended != Ended::lost && (batch.size() > 1 || ended == Ended::conflict)) {
            ended = Ended::conflict;
            for (int i = 0; i < tries && ended == Ended::conflict; ++i)
                ended = try_run(std::span(&call, 1), error);
        }
        if (ended == Ended::lost) {
            lost.push_back(call);
        } else if (ended != Ended::ok) {
            WaitingCall::finish(call, error);
        }
    }
    return lost;
}

Connection::Ended Connection::try_run(std::span<const std::shared_ptr<WaitingCall>> calls, Error& error) {
    const std::string& op = calls.front()->op();
    std::string batch = "[";
    for (const auto& call : calls) {
        const std::int64_t tenant = call->call().tenant.value;
        batch += fmt::format("{}{{\"t\":{},\"r\":{}}}", batch.size() > 1 ? "," : "",
                             tenant == 0 ? "null" : std::to_string(tenant), call->call().request);
    }
    batch += ']';
    busy_since_ = steady_millis();
    Ended ended = Ended::ok;
    try {
        pqxx::nontransaction statement(session_->connection);
        const auto rows = statement.exec(pqxx::prepped{"run_batch"}, pqxx::params{op, batch});
        for (const auto& row : rows) {
            WaitingCall::finish(calls[row[0].as<std::size_t>()], row[1].as<std::string>("null"));
        }
    } catch (const pqxx::sql_error& failure) {
        const std::string state = failure.sqlstate();
        if (state == "40P01" || state == "40001") {
            ended = Ended::conflict;
            error = {Fault::transient, "postgres.conflict", fmt::format("{}: {}", op, state)};
        } else if (state == "23503" || state == "P0002") {
            // a row that it had read went meanwhile, with its person: the next try does not find it either
            ended = Ended::conflict;
            error = {Fault::permanent, "postgres.rejected", fmt::format("{}: SQLSTATE {}", op, state)};
        } else if (starts_with(state, "57P") || starts_with(state, "08") || state == "25006" ||
                   state.empty()) {
            // 25006: a standby that takes no writes; the primary is elsewhere
            ended = Ended::lost;
        } else if (starts_with(state, "57") || starts_with(state, "53") || starts_with(state, "58") ||
                   starts_with(state, "XX") || starts_with(state, "55P03")) {
            ended = Ended::refused;
            error = {Fault::transient, "postgres.unavailable", fmt::format("{}: {}", op, state)};
        } else {
            ended = Ended::refused;
            error = {Fault::permanent, "postgres.rejected", fmt::format("{}: SQLSTATE {}", op, state)};
        }
    } catch (const pqxx::broken_connection&) {
        ended = Ended::lost;
    } catch (const pqxx::failure& failure) {
        ended = Ended::refused;
        error = {Fault::permanent, "postgres.rejected", fmt::format("{}: {}", op, failure.what())};
    }
    busy_since_ = 0;
    if (ended != Ended::ok && !session_->connection.is_open()) ended = Ended::lost;
    if (ended == Ended::lost) {
        const std::lock_guard lock(mutex_);
        session_.reset();
    }
    return ended;
}

}  // namespace relevo
