#include "postgres/scratch_database.hpp"

#include <fmt/format.h>

#include <pqxx/pqxx>

#include "postgres/pool.hpp"

namespace relevo {

struct ScratchDatabase::Session {
    explicit Session(const DatabaseConfig& config) : connection(config.url) {
        {
            pqxx::nontransaction setup(connection);
            setup.exec(fmt::format("SET statement_timeout = {}", config.deadline.count()));
            setup.exec("SET lock_timeout = 2000");
            setup.exec("SET client_min_messages = warning");
        }
        connection.prepare("run_batch", "SELECT result FROM run_batch($1, $2::jsonb)");
    }

    pqxx::work& begun() {
        if (!transaction) {
            transaction.emplace(connection);
            transaction->exec("INSERT INTO scratch DEFAULT VALUES");
        }
        return *transaction;
    }

    pqxx::connection connection;
    std::optional<pqxx::work> transaction;  // its end, in whatever way, is a rollback
};

ScratchDatabase::ScratchDatabase(DatabaseConfig config) : config_(std::move(config)) {}

ScratchDatabase::~ScratchDatabase() = default;

Task<std::string> ScratchDatabase::call(std::string op, TenantId tenant, std::string request,
                                        std::optional<Millis>) {
    asked_.push_back({std::move(op), tenant, std::move(request)});
    co_return run(asked_.back());
}

Task<std::vector<std::string>> ScratchDatabase::call_all(
    std::string op, std::vector<std::pair<TenantId, std::string>> requests) {
    std::vector<std::string> results;
    for (auto& [tenant, request] : requests) {
        asked_.push_back({op, tenant, std::move(request)});
        results.push_back(run(asked_.back()));
    }
    co_return results;
}

std::string ScratchDatabase::run(const Asked& asked) {
    const std::string batch =
        fmt::format("[{{\"t\":{},\"r\":{}}}]", asked.tenant.value == 0 ? "null" : asked.tenant.to_string(),
                    asked.request);
    try {
        if (!session_) session_ = std::make_unique<Session>(config_);
        pqxx::work& work = session_->begun();
        work.exec("SAVEPOINT before_call");
        try {
            const auto rows = work.exec(pqxx::prepped{"run_batch"}, pqxx::params{asked.op, batch});
            return rows.one_row()[0].as<std::string>("null");
        } catch (const pqxx::sql_error& failure) {
            work.exec("ROLLBACK TO SAVEPOINT before_call");
            const std::string state = failure.sqlstate();
            const bool passes = state.starts_with("40") || state == "55P03" || state.starts_with("57");
            throw Failure({passes ? Fault::transient : Fault::permanent,
                           passes ? "postgres.conflict" : "postgres.rejected",
                           fmt::format("{}: SQLSTATE {}", asked.op, state)});
        }
    } catch (const pqxx::broken_connection& failure) {
        session_.reset();
        throw Failure({Fault::transient, "postgres.unavailable", failure.what()});
    }
}

std::vector<ScratchDatabase::Asked> ScratchDatabase::undo() {
    if (session_) session_->transaction.reset();
    return std::exchange(asked_, {});
}

}  // namespace relevo
