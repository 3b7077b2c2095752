#include "process/replay_stage.hpp"

#include <map>

#include "core/await.hpp"
#include "core/json_object.hpp"
#include "kafka/log_reader.hpp"
#include "postgres/json.hpp"
#include "postgres/scratch_database.hpp"
#include "postgres/shop_names.hpp"
#include "postgres/vault.hpp"
#include "process/replay_parts.hpp"
#include "runtime/rerun.hpp"
#include "stages/buffer.hpp"
#include "stages/infer.hpp"
#include "stages/relay.hpp"
#include "stages/resolve.hpp"
#include "stages/retrieve.hpp"
#include "stages/settle.hpp"

namespace relevo {
namespace {

constexpr int max_open_turns = 500;  // as in StageThread

Failure refused(std::string text) {
    return Failure({Fault::permanent, "replay.refused", std::move(text)});
}

DatabaseConfig scratch_config(const Config& config) {
    DatabaseConfig out;
    out.url = config.postgres_url.reveal();
    return out;
}

// Everything that the stages work on.
struct Parts {
    Parts(const Config& config, const ChannelLimitsByName& limits, std::shared_ptr<MasterKeys> masters)
        : database(scratch_config(config)),
          erasure_keys(database, std::move(masters)),
          channels(noting_channels(limits, effects)),
          stored_steps(make_infer_store(database), database),
          models(stored_models(stored_steps, effects)),
          resolve(make_resolve_store(database, erasure_keys)),
          buffer(make_buffer_store(database)),
          retrieve(make_retrieve_store(database)),
          relay(make_relay_store(database, limits)),
          settle(make_settle_store(database)) {}

    std::unique_ptr<Stage> make(const std::string& stage, const std::string& installation) {
        const auto set_aside = [this](const Envelope&, const Error& error) -> Task<void> {
            effects.push_back({"bury", JsonObject().text("code", error.code).str()});
            co_return;
        };
        if (stage == "resolve") return std::make_unique<Resolve>(*resolve, live);
        if (stage == "buffer") return std::make_unique<Buffer>(*buffer, set_aside, clock, max_open_turns);
        if (stage == "retrieve") return std::make_unique<Retrieve>(*retrieve, live, clock);
        if (stage == "infer")
            return std::make_unique<Infer>(stored_steps, models, channels, vault, live, clock);
        if (stage == "relay") {
            return std::make_unique<Relay>(*relay, channels, vault, live, clock, pace, watch,
                                           RelaySettings{installation});
        }
        if (stage == "settle") return std::make_unique<Settle>(*settle, live, clock);
        throw refused("the stage '" + stage + "' cannot be replayed");
    }

    std::vector<ReplayedEffect> effects;
    LogClock clock;
    ScratchDatabase database;
    PostgresVault erasure_keys;  // the stages that call anybody have the empty one
    DeafLive live;
    EmptyVault vault;
    NoPace pace;
    DeliveryWatch watch;
    Channels channels;
    StoredSteps stored_steps;
    ModelProviders models;
    std::unique_ptr<ResolveStore> resolve;
    std::unique_ptr<BufferStore> buffer;
    std::unique_ptr<RetrieveStore> retrieve;
    std::unique_ptr<RelayStore> relay;
    std::unique_ptr<SettleStore> settle;
};

void take_outcome(ReplayedWork& work, Outcome outcome) {
    if (auto* emit = std::get_if<Emit>(&outcome)) {
        if (work.outcome.empty()) work.outcome = "emit";
        for (auto& record : emit->records) work.emitted.push_back(std::move(record));
    } else if (auto* drop = std::get_if<Drop>(&outcome)) {
        if (!work.outcome.empty()) return;
        work.outcome = "drop";
        work.reason = std::move(drop->reason);
    } else if (auto* park = std::get_if<Park>(&outcome)) {
        if (!work.outcome.empty()) return;
        work.outcome = "park";
        work.reason = std::move(park->reason);
        work.due = park->timer.due;
    }
}

ReplayedWork describe(const Rerun& rerun, Parts& parts) {
    ReplayedWork work;
    for (const auto& record : rerun.records) {
        work.records.push_back({record.partition, record.offset, std::string(record.key),
                                std::string(record.headers.id), record.appended, std::string(record.value)});
    }
    if (rerun.error) {
        work.outcome = "failure";
        work.reason = rerun.error->code;
        work.text = rerun.error->text;
        work.retried = rerun.error->fault == Fault::transient;
    }
    if (rerun.outcome) take_outcome(work, *rerun.outcome);
    if (rerun.gave_up) take_outcome(work, *rerun.gave_up);
    for (auto& asked : parts.database.undo()) {
        if (asked.op == "stored_answer" || asked.op == "find_credential") continue;  // that was us
        work.effects.push_back({asked.op, asked.request});
    }
    for (auto& effect : parts.effects) work.effects.push_back(std::move(effect));
    parts.effects.clear();
    return work;
}

std::string key_prefix(ScratchDatabase& database, const StageReplay& request) {
    if (request.shop.empty()) return {};
    return await(require_shop(database, request.shop)).to_string() + ":";
}

}  // namespace

void replay_stage(const Config& config, const ChannelLimitsByName& channels,
                  std::shared_ptr<MasterKeys> masters, const StageReplay& request, const TellReplayed& tell) {
    // first, so that it goes last: records are its memory
    LogReader reader(KafkaSettings{config.kafka_brokers, config.kafka_prefix});
    Parts parts(config, channels, std::move(masters));
    const std::string installation = await(installation_id(parts.database));
    const std::string prefix = key_prefix(parts.database, request);
    parts.database.undo();
    const auto stage = parts.make(request.stage.name, installation);
    Reruns reruns(*stage, parts.clock, request.stage.lane,
                  [&](const Rerun& rerun) { return tell(describe(rerun, parts)); });
    for (const auto& [partition, range] : reader.find_ranges(request.stage.input, request.from, request.to)) {
        const bool all = reader.read(request.stage.input, partition, range, [&](Envelope record) {
            if (!request.key.empty() && record.key != request.key) return true;
            if (!record.key.starts_with(prefix)) return true;
            return await(reruns.add(std::move(record)));
        });
        if (!all || !await(reruns.end_partition())) return;
    }
}

}  // namespace relevo
