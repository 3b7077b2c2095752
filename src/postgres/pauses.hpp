#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "domain/pauses.hpp"
#include "postgres/database.hpp"

namespace relevo {

/// The table of pauses as one process knows it.
class PostgresPauses final : public Pauses {
  public:
    explicit PostgresPauses(Database& database) : database_(database) {}

    /// Reads it anew. Throws Failure; then what was known stays.
    Task<void> read();
    std::shared_ptr<const StagePause> of(std::string_view stage) const override;
    Task<void> keep(std::string stage, Record record, SysTime now) override;

  private:
    using ByStage = std::map<std::string, std::shared_ptr<const StagePause>, std::less<>>;

    Database& database_;
    mutable std::mutex mutex_;
    ByStage known_;
};

Task<std::vector<Pause>> list_pauses(Database& database);
/// As PauseBook promises.
Task<void> pause(Database& database, Pause pause);
Task<bool> resume(Database& database, std::string stage, std::string topic, std::string shop);
Task<std::int64_t> count_due_timers(Database& database, SysTime now);

}  // namespace relevo
