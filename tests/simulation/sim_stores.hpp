#pragma once

#include <memory>
#include <set>
#include <string>
#include <utility>

#include "domain/gateway_stores.hpp"
#include "domain/live.hpp"
#include "runtime/source.hpp"
#include "tests/simulation/sim_database.hpp"
#include "tests/simulation/sim_faults.hpp"

namespace relevo {

/// What one process sees of the database: every call takes time, may fail before or after it took effect, and
/// may be the last thing that the process does.
class SimStores {
  public:
    SimStores(SimDatabase& database, const std::shared_ptr<SimFaults>& faults);
    ~SimStores();

    ResolveStore& resolve();
    BufferStore& buffer();
    RetrieveStore& retrieve();
    InferStore& infer();
    RelayStore& relay();
    SettleStore& settle();
    HandoffStore& handoff();
    Timers& timers();
    DeadLetters& dead_letters();
    EndpointStore& endpoints();
    Vault& vault();
    Live& live();

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

/// The due timers as a topic of one partition: leased, and deleted once committed.
class SimTimersSource : public Source {
  public:
    SimTimersSource(SimDatabase& database, std::shared_ptr<SimFaults> faults, Clock& clock)
        : database_(database), faults_(std::move(faults)), clock_(clock), alarm_(faults_->clock()) {}

    Task<SourceEvent> next(bool want_records, Millis wait) override;
    void wake() override { alarm_.ring(); }
    void commit(std::span<const Commit> commits) override;
    Task<void> release(Revoked revoked, std::vector<Commit> commits) override;
    Task<void> close(std::vector<Commit> commits) override;
    std::int64_t behind() const override { return 0; }

  private:
    struct Leased {
        TimerId id;
        std::int64_t life;
        int parks;
        Offset offset;
    };
    SimDatabase& database_;
    std::shared_ptr<SimFaults> faults_;
    Clock& clock_;
    SimAlarm alarm_;
    bool assigned_ = false;
    std::int64_t next_offset_ = 0;
    std::vector<Leased> leased_;
};

}  // namespace relevo
