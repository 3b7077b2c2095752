#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "domain/admission.hpp"
#include "domain/local_pace.hpp"
#include "domain/http.hpp"
#include "tests/simulation/sim_stores.hpp"
#include "tests/simulation/world.hpp"

namespace relevo {

/// Some stages of the pipeline, each in a worker with a loop of its own, and the gateway, as one operating
/// system process runs them. Destroying it is `kill -9`: nothing of it runs any more.
class SimProcess {
  public:
    SimProcess(SimWorld& world, int number, std::uint64_t seed, Millis skew,
               const std::vector<std::string>& stages);
    ~SimProcess();

    int number() const { return faults_->process; }
    /// Each is a thread.
    const std::vector<SimLoop*>& loops() const { return loops_; }
    /// As on SIGTERM.
    void stop();
    bool ended() const { return running_ == 0; }
    bool doomed() const { return faults_->doomed(); }
    /// As on SIGSTOP, until then; the broker misses it after its session timeout.
    void pause(Millis time);
    bool is_paused() const { return world_.clock.now() < paused_until_; }

    /// A request to the gateway; `answered` is not called where the process dies before.
    void serve(HttpRequest request, std::function<void(int status)> answered);
    /// A visitor's message over the widget's socket.
    void hear(Endpoint endpoint, Inbound inbound, std::function<void(int status)> answered);
    /// The shop's side of a conversation, on the console.
    void handle_desk(SimDesk what, TenantId tenant, ConversationId conversation, std::string client_id,
                     std::string text, std::function<void(int status)> answered);

  private:
    struct Unit;
    struct Front;
    std::unique_ptr<Stage> make_stage(const std::string& name);

    SimWorld& world_;
    std::shared_ptr<SimFaults> faults_;
    SkewedClock clock_;
    SimStores stores_;
    SimHttp http_;
    Channels channels_;
    ModelProviders models_;
    LocalPace pace_;
    DeliveryWatch watch_;
    SysTime paused_until_{};
    std::vector<std::unique_ptr<Unit>> units_;
    std::unique_ptr<Front> front_;
    std::vector<SimLoop*> loops_;
    std::size_t running_ = 0;
};

}  // namespace relevo
