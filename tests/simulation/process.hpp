#pragma once

#include <boost/asio/io_context.hpp>

#include <memory>
#include <vector>

#include "domain/admission.hpp"
#include "domain/local_pace.hpp"
#include "tests/simulation/sim_stores.hpp"
#include "tests/simulation/world.hpp"

namespace relevo {

/// All stages of the pipeline, each in a worker of its own, as one operating system process would run them.
/// Destroying it is `kill -9`: nothing of it runs any more.
class SimProcess {
  public:
    SimProcess(SimWorld& world, int number, std::uint64_t seed);
    ~SimProcess();

    std::size_t poll();
    void stop();
    bool ended() const { return running_ == 0; }
    bool doomed() const { return faults_.doomed(); }

  private:
    struct Unit;
    std::unique_ptr<Stage> make_stage(const std::string& name);

    SimWorld& world_;
    std::unique_ptr<boost::asio::io_context> io_;
    SeededRandom random_;
    SimFaults faults_;
    SimStores stores_;
    Channels channels_;
    ModelProviders models_;
    LocalPace pace_;
    DeliveryWatch watch_;
    std::vector<std::unique_ptr<Unit>> units_;
    std::size_t running_ = 0;
};

}  // namespace relevo
