#include "tests/simulation/process.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>

#include "channels/list.hpp"
#include "gateway/intake.hpp"
#include "gateway/webhooks.hpp"
#include "runtime/dead_letter.hpp"
#include "stages/buffer.hpp"
#include "stages/infer.hpp"
#include "stages/relay.hpp"
#include "stages/resolve.hpp"
#include "stages/retrieve.hpp"
#include "stages/settle.hpp"
#include "stages/wake.hpp"
#include "tests/simulation/sim_parts.hpp"

namespace relevo {
namespace {

constexpr std::string_view installation = "sim";

template <class Base, class... Parts>
std::vector<std::unique_ptr<Base>> one(Parts&&... parts) {
    std::vector<std::unique_ptr<Base>> list;
    (list.push_back(std::forward<Parts>(parts)), ...);
    return list;
}

std::vector<std::unique_ptr<Channel>> watched(SimHttp& http, const std::shared_ptr<SimFaults>& faults) {
    ChannelSettings settings;
    settings.whatsapp_url = "https://graph.simulated";
    settings.telegram_url = "https://telegram.simulated";
    auto channels = make_channels(settings, http);
    for (auto& channel : channels) {
        channel = std::make_unique<SimChannel>(std::move(channel), http, faults);
    }
    return channels;
}

// One of the gateway's tasks; a failure is an answer too.
template <class Work>
Task<void> answer(Work work, std::function<void(int)> answered) {
    int status = 503;
    try {
        status = co_await work();
    } catch (const Failure&) {
        status = 503;
    }
    answered(status);
}

constexpr auto rethrow = [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
};

}  // namespace

struct SimProcess::Unit {
    Unit(SimProcess& process, const StageSpec& spec)
        : loop(std::make_unique<SimLoop>()),
          stage(process.world_.parts().stage(process.make_stage(spec.name), process.world_)),
          source(make_source(process, spec)),
          sink(process.world_.parts().sink(
              std::make_unique<SimSink>(loop->executor(), process.world_.log, process.faults_, spec.name),
              loop->executor(), process.world_)),
          worker(spec, process.number(),
                 WorkerParts{*stage,
                             *source,
                             *sink,
                             process.stores_.timers(),
                             process.stores_.dead_letters(),
                             process.clock_,
                             process.faults_->random(),
                             process.world_.stage_metrics(spec.name),
                             std::string(installation),
                             process.world_.pipeline.expires_after,
                             {&process.world_}}) {}

    std::unique_ptr<Source> make_source(SimProcess& process, const StageSpec& spec) {
        SimWorld& world = process.world_;
        if (spec.input == timers_input) {
            auto timers = std::make_unique<SimTimersSource>(world.database, process.faults_, process.clock_);
            return world.parts().source(std::move(timers), spec, world);
        }
        auto made = std::make_unique<SimSource>(world.log, process.faults_, spec.group, spec.input);
        member = made.get();
        return world.parts().source(std::move(made), spec, world);
    }

    std::unique_ptr<SimLoop> loop;
    SimSource* member = nullptr;  // of its group
    std::unique_ptr<Stage> stage;
    std::unique_ptr<Source> source;
    std::unique_ptr<Sink> sink;
    Worker worker;
};

struct SimProcess::Front {
    explicit Front(SimProcess& process)
        : loop(std::make_unique<SimLoop>()),
          sink(process.world_.parts().sink(
              std::make_unique<SimSink>(loop->executor(), process.world_.log, process.faults_, "ingress"),
              loop->executor(), process.world_)),
          intake{*sink,
                 process.clock_,
                 process.faults_->random(),
                 process.world_.metrics(),
                 std::string(installation),
                 process.world_.pipeline.expires_after},
          endpoints(process.stores_.endpoints(), process.stores_.vault(), process.channels_, process.clock_),
          webhooks(process.channels_, endpoints, intake) {
        webhooks.add_routes(router);
    }

    std::unique_ptr<SimLoop> loop;
    std::unique_ptr<Sink> sink;
    Intake intake;
    EndpointCache endpoints;
    Webhooks webhooks;
    Router router;
};

SimProcess::SimProcess(SimWorld& world, int number, std::uint64_t seed, Millis skew,
                       const std::vector<std::string>& stages)
    : world_(world),
      faults_(std::make_shared<SimFaults>(number, world.clock, world.trace, world.settings.rates, seed)),
      clock_(world.clock, skew),
      stores_(world.database, faults_),
      http_(world.provider, faults_),
      channels_(watched(http_, faults_)),
      models_(one<ModelProvider>(
          std::make_unique<SimModel>(world.provider, faults_, world.settings.numbered_answers))),
      pace_(clock_) {
    faults_->crash = [this](const std::string& point) { return world_.dies_at(point); };
    front_ = std::make_unique<Front>(*this);
    loops_.push_back(front_->loop.get());
    for (const auto& spec : world.pipeline.stages) {
        if (std::find(stages.begin(), stages.end(), spec.name) == stages.end()) continue;
        units_.push_back(std::make_unique<Unit>(*this, spec));
        Unit& unit = *units_.back();
        loops_.push_back(unit.loop.get());
        ++running_;
        boost::asio::co_spawn(unit.loop->executor(), unit.worker.run(), [this](std::exception_ptr failure) {
            rethrow(std::move(failure));
            --running_;
        });
    }
}

SimProcess::~SimProcess() {
    faults_->bury();
    // the suspended coroutines use everything else
    front_->loop.reset();
    for (const auto& unit : units_) unit->loop.reset();
}

void SimProcess::stop() {
    for (const auto& unit : units_) unit->worker.stop();
}

void SimProcess::pause(Millis time) {
    paused_until_ = world_.clock.now() + time;
    world_.clock.at(paused_until_, [] {});  // somebody looks at it then
    if (time <= SimLog::session_timeout) return;
    for (const auto& unit : units_) {
        if (unit->member) world_.log.expel_after(*unit->member, SimLog::session_timeout, time);
    }
}

void SimProcess::serve(HttpRequest request, std::function<void(int)> answered) {
    const auto handle = [](const Router& router, HttpRequest asked,
                           std::function<void(int)> tell) -> Task<void> {
        HttpRequest head = asked;
        head.body.clear();
        auto refused = co_await router.check(std::move(head));
        if (refused) {
            tell(refused->status);
            co_return;
        }
        const HttpResponse response = co_await router.handle(std::move(asked));
        tell(response.status);
    };
    boost::asio::co_spawn(front_->loop->executor(),
                          handle(front_->router, std::move(request), std::move(answered)), rethrow);
}

void SimProcess::hear(Endpoint endpoint, Inbound inbound, std::function<void(int)> answered) {
    Parsed parsed;
    parsed.inbound.push_back(std::move(inbound));
    const auto take = [this, endpoint, parsed]() -> Task<int> {
        co_await front_->intake.take(endpoint, parsed);
        co_return 200;
    };
    boost::asio::co_spawn(front_->loop->executor(), answer(take, std::move(answered)), rethrow);
}

void SimProcess::handle_desk(SimDesk what, TenantId tenant, ConversationId conversation,
                             std::string client_id, std::string text, std::function<void(int)> answered) {
    const auto work = [this, what, tenant, conversation, client_id, text]() -> Task<int> {
        HandoffStore& store = stores_.handoff();
        const SysTime now = clock_.now();
        if (what == SimDesk::reply) {
            const auto reply = co_await store.request_reply(tenant, conversation, client_id, text, now);
            if (!reply) co_return 404;
            co_await front_->intake.request(ReplyReady{tenant, conversation, *reply, std::nullopt});
            co_return 200;
        }
        const bool found = what == SimDesk::take_over ? co_await store.take_over(tenant, conversation, now)
                                                      : co_await store.give_back(tenant, conversation, now);
        co_return found ? 200 : 404;
    };
    boost::asio::co_spawn(front_->loop->executor(), answer(work, std::move(answered)), rethrow);
}

std::unique_ptr<Stage> SimProcess::make_stage(const std::string& name) {
    if (name == "resolve") return std::make_unique<Resolve>(stores_.resolve(), stores_.live());
    if (name == "buffer") {
        const auto set_aside = [this, name](const Envelope& record, const Error& error) {
            return stores_.dead_letters().bury({make_dead_letter(record, name, error, 1)});
        };
        return std::make_unique<Buffer>(stores_.buffer(), set_aside, clock_, world_.settings.max_open_turns);
    }
    if (name == "retrieve") return std::make_unique<Retrieve>(stores_.retrieve(), stores_.live(), clock_);
    if (name == "infer") {
        return std::make_unique<Infer>(stores_.infer(), models_, channels_, stores_.vault(), stores_.live(),
                                       clock_);
    }
    if (name == "relay") {
        return std::make_unique<Relay>(stores_.relay(), channels_, stores_.vault(), stores_.live(), clock_,
                                       pace_, watch_, RelaySettings{std::string(installation)});
    }
    if (name == "settle") return std::make_unique<Settle>(stores_.settle(), stores_.live(), clock_);
    if (name == "wake") return std::make_unique<Wake>();
    throw Failure({Fault::permanent, "pipeline.invalid", "the simulator does not know stage '" + name + "'"});
}

}  // namespace relevo
