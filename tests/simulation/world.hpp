#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/metrics.hpp"
#include "runtime/worker.hpp"
#include "tests/simulation/sim_clock.hpp"
#include "tests/simulation/sim_database.hpp"
#include "tests/simulation/sim_faults.hpp"
#include "tests/simulation/sim_log.hpp"
#include "tests/simulation/sim_provider.hpp"

namespace relevo {

struct SimSettings {
    std::uint64_t seed = 1;
    SimRates rates;
    int processes = 1;
    int max_open_turns = 500;
    Millis restart_after{1'000};  ///< what died is started again
    Millis receipt_after{800};
};

class SimProcess;

/// One installation with its log, its database, its providers and its customers, in virtual time. Its
/// processes run the real stages in real workers; they may die at any moment.
class SimWorld {
  public:
    explicit SimWorld(SimSettings settings);
    ~SimWorld();

    SimSettings settings;
    SimClock clock;
    SeededRandom random;
    PipelineSpec pipeline;
    SimLog log;
    SimDatabase database;
    SimProvider provider;
    Metrics metrics;

    /// A shop's account; `window` is its agent's.
    Account add_shop(std::int64_t tenant, const std::string& external_id, BurstPolicy window);

    // The customers, as their provider tells it.
    void write(const Account& account, const std::string& who, const std::string& text,
               const std::string& event_id = {});
    void tell(const Account& account, const Inbound& inbound);
    static Inbound inbound(const std::string& who, const std::string& text, const std::string& event_id);
    ConversationId conversation(const Account& account, const std::string& who) const;
    SimConversation& row(const Account& account, const std::string& who);
    /// What reached this customer, oldest first.
    std::vector<SimBubble> bubbles(const Account& account, const std::string& who) const;
    /// A human's bubble, from the shop's console.
    void reply_as_human(const Account& account, const std::string& who, const std::string& client_id,
                        const std::string& text);

    // The processes.
    void start();
    void kill(std::size_t process);
    /// As on SIGTERM: returns at once; the process ends when its work is done.
    void stop(std::size_t process);
    std::size_t alive() const;
    /// The next process that comes to this point for the `nth` time dies there, and is started again.
    void crash_at(const std::string& point, int nth = 1);
    int crashes() const { return crashes_; }
    /// One member of one stage's group loses its partitions without knowing it, for a while.
    void expel(const std::string& stage, Millis delay);

    // Time.
    void run_for(Millis time);
    /// Until nothing is left to do; false where that takes longer than `limit`.
    bool settle(Millis limit = Millis{900'000});
    bool quiet() const;
    /// The stages that left a record unsettled for longer than the log can bear.
    const std::set<std::string>& late() const { return late_; }

  private:
    friend class SimProcess;
    bool dies_at(const std::string& point);
    void start_one(std::size_t place);
    void bury(std::size_t place);
    void poll();
    void look_for_late();
    void send_receipt(const SimBubble& bubble, const std::string& provider_id);
    const Account* find_account(const std::string& external_id) const;

    std::map<std::string, std::unique_ptr<StageMetrics>> stage_metrics_;
    std::vector<std::unique_ptr<SimProcess>> processes_;
    std::map<std::string, int> crash_points_;
    std::set<std::string> late_;
    SysTime looked_at_{};
    int crashes_ = 0;
    int last_process_ = 0;
    int last_event_ = 0;
};

/// What no customer and no operator should ever see: empty for a world in which all is well. Asked once
/// everything is settled.
std::vector<std::string> find_problems(SimWorld& world);

/// Everything that happened, for whoever looks into a seed.
std::string tell_story(const SimWorld& world);

}  // namespace relevo
