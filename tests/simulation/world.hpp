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
#include "tests/simulation/sim_parts.hpp"
#include "tests/simulation/sim_provider.hpp"
#include "tests/simulation/sim_trace.hpp"

namespace relevo {

struct SimSettings {
    std::uint64_t seed = 1;
    SimRates rates;
    int processes = 1;
    /// Which stages each process runs; empty: all of them.
    std::vector<std::vector<std::string>> layout{};
    int max_open_turns = 500;
    Millis restart_after{1'000};  ///< what died is started again
    Millis receipt_after{800};
    Millis largest_skew{0};    ///< of a process's clock, either way
    double kill_rate = 0;      ///< that a process dies after a handler
    double kill_at_point = 0;  ///< or at one of the named points
    bool numbered_answers = false;
    bool keeps_trace = false;
    std::shared_ptr<const SimParts> parts = std::make_shared<SimParts>();
};

/// What somebody outside said to us, and what they know of it.
struct SimSaid {
    /// conversation  a customer's message, reaction or an owner's echo
    /// refused       names an account that is nobody's, or another shop's: a dead letter
    /// archived      a shape that nobody knows
    enum class Fate { conversation, refused, archived } fate = Fate::conversation;
    Account account;
    std::string who;
    std::string event_id;
    InboundKind kind = InboundKind::message;
    std::string text;
    std::optional<SysTime> first_sent{};
    std::optional<SysTime> accepted{};  ///< when we first promised it
};

/// What a human at the console does.
enum class SimDesk { take_over, give_back, reply };

class SimProcess;

/// One installation with its log, its database, its providers and its customers, in virtual time. Its
/// processes run the real stages in real workers; a seeded scheduler chooses what happens next, and they may
/// die at any moment.
class SimWorld final : public Observer {
  public:
    explicit SimWorld(SimSettings settings);
    ~SimWorld() override;

    SimSettings settings;
    SimClock clock;
    SimTrace trace;
    SeededRandom random;
    PipelineSpec pipeline;
    SimLog log;
    std::unique_ptr<SimDatabase> database_owner;
    SimDatabase& database;
    SimProvider provider;

    /// A shop's account on whatsapp, telegram (a tenant has one bot) or web; `window` is its agent's.
    Account add_shop(std::int64_t tenant, const std::string& external_id, BurstPolicy window,
                     const std::string& channel = "whatsapp");

    // The customers: what they write is in the log at once.
    void write(const Account& account, const std::string& who, const std::string& text,
               const std::string& event_id = {});
    void tell(const Account& account, const Inbound& inbound);
    static Inbound inbound(const std::string& who, const std::string& text, const std::string& event_id);
    ConversationId conversation(const Account& account, const std::string& who) const;
    SimConversation& row(const Account& account, const std::string& who);
    /// What reached this customer, oldest first.
    std::vector<SimBubble> bubbles(const Account& account, const std::string& who) const;
    // The human at the shop's console.
    void take_over(const Account& account, const std::string& who);
    void give_back(const Account& account, const std::string& who);
    void reply_as_human(const Account& account, const std::string& who, const std::string& client_id,
                        const std::string& text);

    // The same through a process's gateway, again until it is accepted.
    void post_webhook(const Account& through, std::string body, std::function<void()> accepted = {});
    void hear_visitor(const Account& account, Inbound inbound, std::function<void()> accepted);
    void ask_desk(SimDesk what, const Account& account, const std::string& who,
                  const std::string& client_id = {}, const std::string& text = {});
    /// Everything that was said through `post_webhook` and `hear_visitor`.
    std::vector<SimSaid> said;
    /// The human's bubbles of which the console was told that they are on their way.
    std::set<ReplyId> promised;

    // The processes.
    void start();
    void kill(std::size_t process);
    /// As on SIGTERM: returns at once; the process ends when its work is done.
    void stop(std::size_t process);
    void pause(std::size_t process, Millis time);
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
    /// An outage for which they are excused.
    Millis excused{0};
    // What this world did that explains what would otherwise be a problem.
    std::set<std::string> marks{};  ///< for a deliberate bug that remembers something beside the database
    int disturbances = 0;           ///< pauses, expulsions, outages of the database
    bool faces_rejection = false;   ///< a provider refuses for good
    bool faces_refusal = false;     ///< a model does
    bool poisoned = false;          ///< records that nobody can read
    /// What the provider told us of each bubble, and we accepted; by the provider's id.
    std::map<std::string, std::set<ReceiptStatus>> receipts;
    /// What broke in a way that nothing is allowed to.
    std::vector<std::string> problems;
    std::uint64_t handlers() const { return handlers_; }

    // For the processes.
    const SimParts& parts() const { return *settings.parts; }
    bool dies_at(const std::string& point);
    void settled(const Settlement& settlement) override;
    static Metrics& metrics();
    static StageMetrics& stage_metrics(const std::string& stage);

  private:
    struct Webhook;
    struct Ready {
        SimProcess* process;
        std::size_t loop;
    };
    bool step();
    void run_ready(const Ready& chosen);
    void start_one(std::size_t place);
    void bury(std::size_t place);
    void look_for_late();
    SimProcess* any_process();
    void deliver(const std::shared_ptr<Webhook>& webhook);
    void again(const std::shared_ptr<Webhook>& webhook);
    void send_receipts(SimBubble& bubble);
    const Account* find_account(const std::string& external_id) const;
    Millis up_to(Millis longest);

    std::vector<std::unique_ptr<SimProcess>> processes_;
    std::map<std::string, int> crash_points_;
    std::set<std::string> late_;
    std::vector<Ready> ready_;
    SysTime looked_at_{};
    std::uint64_t handlers_ = 0;
    int crashes_ = 0;
    int last_process_ = 0;
    int last_event_ = 0;
    int under_way_ = 0;  // webhooks
};

/// What no customer and no operator should ever see: empty for a world in which all is well. Asked once
/// everything is settled.
std::vector<std::string> find_problems(SimWorld& world);

/// The books and the log as they are in the end, for whoever looks into a seed.
std::string tell_story(const SimWorld& world);

}  // namespace relevo
