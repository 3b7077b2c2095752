#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/ids.hpp"
#include "core/task.hpp"

namespace relevo {

/// Told of each operation, on the caller's thread.
class DatabaseObserver {
  public:
    virtual ~DatabaseObserver() = default;
    virtual void asked(std::string_view op) = 0;
    /// Not told where the caller was cancelled. A call that failed may have run all the same.
    virtual void answered(std::string_view op, bool failed) = 0;
};

struct DatabaseConfig {
    std::string url;  ///< postgresql://…, as libpq takes it
    int connections = 8;
    Millis deadline{10'000};           ///< of a call, its wait for a connection included
    std::size_t max_waiting = 10'000;  ///< calls without a connection; beyond it a call fails at once
    std::size_t max_batch = 200;       ///< calls of one transaction: more would hold their locks for too long
    DatabaseObserver* observer = nullptr;
};

/// PostgreSQL behind a few threads. Calls of the same operation that wait for a connection go in one
/// transaction (group commit); where it fails, each runs alone, so that one bad call fails alone. Comes back
/// by itself after PostgreSQL was away. Safe from several threads and io_contexts; must outlive its calls.
class Database {
  public:
    explicit Database(DatabaseConfig config);
    /// Calls that nobody waits for any more are dropped, running statements are cut.
    virtual ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    /// Runs op_`op` for the tenant (TenantId{0}: none) and gives its JSON result. Resumes on the caller's
    /// executor, which must not run the caller's handlers on two threads at once. May have run although it
    /// failed: operations are idempotent. Throws Failure:
    ///  postgres.unavailable (transient)  away, deadline, queue full
    ///  postgres.conflict (transient)     lost against a concurrent call more than once
    ///  postgres.rejected (permanent)     PostgreSQL refused it; names operation and SQLSTATE, never values
    virtual Task<std::string> call(std::string op, TenantId tenant, std::string request,
                                   std::optional<Millis> deadline = std::nullopt);
    /// The same operation for several requests at once; the first failure is thrown after all have ended.
    virtual Task<std::vector<std::string>> call_all(std::string op,
                                                    std::vector<std::pair<TenantId, std::string>> requests);
    /// Whether PostgreSQL answers.
    Task<void> ping();
    /// Calls without a connection.
    std::size_t waiting() const;

  protected:
    /// For one that runs its calls by itself.
    Database();

  private:
    class Pool;
    std::unique_ptr<Pool> pool_;
};

}  // namespace relevo
