#include "tests/simulation/process.hpp"

#include <boost/asio/co_spawn.hpp>

#include "runtime/dead_letter.hpp"
#include "stages/buffer.hpp"
#include "stages/infer.hpp"
#include "stages/relay.hpp"
#include "stages/resolve.hpp"
#include "stages/retrieve.hpp"
#include "stages/settle.hpp"
#include "stages/wake.hpp"

namespace relevo {
namespace {

template <class Base, class... Parts>
std::vector<std::unique_ptr<Base>> one(Parts&&... parts) {
    std::vector<std::unique_ptr<Base>> list;
    (list.push_back(std::forward<Parts>(parts)), ...);
    return list;
}

std::unique_ptr<Source> make_source(SimWorld& world, const StageSpec& spec) {
    if (spec.input == timers_input) return std::make_unique<SimTimersSource>(world.database, world.clock);
    return std::make_unique<SimSource>(world.log, world.clock, spec.group, spec.input);
}

}  // namespace

struct SimProcess::Unit {
    Unit(SimProcess& process, const StageSpec& spec, int number)
        : stage(process.make_stage(spec.name)),
          source(make_source(process.world_, spec)),
          sink(process.io_->get_executor(), process.world_.log, process.faults_, spec.name),
          worker(
              spec, number,
              WorkerParts{*stage, *source, sink, process.stores_.timers(), process.stores_.dead_letters(),
                          process.world_.clock, process.random_, *process.world_.stage_metrics_.at(spec.name),
                          "sim", process.world_.pipeline.expires_after}) {}

    std::unique_ptr<Stage> stage;
    std::unique_ptr<Source> source;
    SimSink sink;
    Worker worker;
};

SimProcess::SimProcess(SimWorld& world, int number, std::uint64_t seed)
    : world_(world),
      io_(std::make_unique<boost::asio::io_context>(1)),
      random_(seed),
      faults_(world.clock, random_, world.settings.rates, *io_),
      stores_(world.database, faults_, number),
      channels_(one<Channel>(std::make_unique<SimChannel>(world.provider, world.clock, faults_))),
      models_(one<ModelProvider>(std::make_unique<SimModel>(faults_))),
      pace_(world.clock) {
    faults_.crash = [this](const std::string& point) { return world_.dies_at(point); };
    for (const auto& spec : world.pipeline.stages) {
        units_.push_back(std::make_unique<Unit>(*this, spec, number));
        ++running_;
        boost::asio::co_spawn(*io_, units_.back()->worker.run(), [this](std::exception_ptr failure) {
            if (failure) std::rethrow_exception(failure);
            --running_;
        });
    }
}

SimProcess::~SimProcess() {
    // the suspended coroutines use everything else
    io_.reset();
}

std::size_t SimProcess::poll() {
    if (doomed()) return 0;
    io_->restart();
    return io_->poll();
}

void SimProcess::stop() {
    for (const auto& unit : units_) unit->worker.stop();
}

std::unique_ptr<Stage> SimProcess::make_stage(const std::string& name) {
    Clock& clock = world_.clock;
    if (name == "resolve") return std::make_unique<Resolve>(stores_.resolve(), stores_.live());
    if (name == "buffer") {
        const auto set_aside = [this, name](const Envelope& record, const Error& error) {
            return stores_.dead_letters().bury({make_dead_letter(record, name, error, 1)});
        };
        return std::make_unique<Buffer>(stores_.buffer(), set_aside, clock, world_.settings.max_open_turns);
    }
    if (name == "retrieve") return std::make_unique<Retrieve>(stores_.retrieve(), clock);
    if (name == "infer") {
        return std::make_unique<Infer>(stores_.infer(), models_, channels_, stores_.vault(), stores_.live(),
                                       clock);
    }
    if (name == "relay") {
        return std::make_unique<Relay>(stores_.relay(), channels_, stores_.vault(), stores_.live(), clock,
                                       pace_, watch_, RelaySettings{"sim"});
    }
    if (name == "settle") return std::make_unique<Settle>(stores_.settle(), stores_.live(), clock);
    if (name == "wake") return std::make_unique<Wake>();
    throw Failure({Fault::permanent, "pipeline.invalid", "the simulator does not know stage '" + name + "'"});
}

}  // namespace relevo
