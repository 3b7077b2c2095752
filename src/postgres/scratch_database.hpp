#pragma once

#include <memory>
#include <string>
#include <vector>

#include "postgres/database.hpp"

namespace relevo {

/// A database in which nothing stays. Calls run one after the other in one transaction, so that each sees
/// what the ones before it did, until `undo`. The transaction begins with a row of the table `scratch`, whose
/// constraint refuses to be committed: PostgreSQL itself keeps whatever anybody sends here from lasting. Its
/// locks are real, and are waited for no longer than two seconds. Blocks the caller's thread; for one thread.
class ScratchDatabase final : public Database {
  public:
    explicit ScratchDatabase(DatabaseConfig config);
    ~ScratchDatabase() override;

    Task<std::string> call(std::string op, TenantId tenant, std::string request,
                           std::optional<Millis> deadline = std::nullopt) override;
    Task<std::vector<std::string>> call_all(std::string op,
                                            std::vector<std::pair<TenantId, std::string>> requests) override;

    /// One call, as it was made.
    struct Asked {
        std::string op;
        TenantId tenant;
        std::string request;
    };
    /// Undoes what was done since the last time, and says what was asked for, in its order.
    std::vector<Asked> undo();

  private:
    struct Session;
    std::string run(const Asked& asked);

    DatabaseConfig config_;
    std::unique_ptr<Session> session_;
    std::vector<Asked> asked_;
};

}  // namespace relevo
