#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "channels/list.hpp"
#include "cli/config.hpp"
#include "core/await.hpp"
#include "core/clock.hpp"
#include "core/random.hpp"
#include "domain/agent_means.hpp"
#include "http/client.hpp"
#include "kafka/settings.hpp"
#include "models/list.hpp"
#include "postgres/pauses.hpp"
#include "postgres/stores.hpp"
#include "postgres/vault.hpp"
#include "process/surroundings.hpp"
#include "redis/live.hpp"
#include "runtime/delivery_metrics.hpp"
#include "runtime/metrics.hpp"

namespace relevo {

KafkaSettings kafka_settings(const Config& config);
ClientLimits client_limits(const Config& config);
ModelSettings model_settings(const Config& config);
/// Throws Failure "http.trusted_address".
AgentMeans agent_means(const Config& config);
ChannelSettings channel_settings(const Config& config);
/// Of every channel there is.
ChannelLimitsByName channel_limits();
/// From the file or command that the configuration names. Throws Failure "vault.bad_key" (permanent).
std::shared_ptr<MasterKeys> master_keys(const Config& config);
DatabaseConfig database_config(const Secret& url, DatabaseObserver* observer = nullptr);
/// For the command line: what is changed through it the audit log has as `user`'s, who types.
DatabaseConfig operator_database(const Secret& url, const std::string& user);

/// What all threads of the process share.
struct Shared {
    /// Waits for PostgreSQL's answer. `io` carries the live events.
    Shared(const Config& given, boost::asio::io_context& io, const Surroundings& around);

    const Config& config;
    const Surroundings& surroundings;
    std::vector<Observer*> observers;  ///< complete before the first worker is made
    SystemClock clock;
    SystemRandom random;
    Metrics metrics;
    DeliveryMetrics delivery{metrics.registry()};
    Database database;
    std::string installation;
    RedisLive live;
    std::shared_ptr<MasterKeys> masters;
    PostgresVault vault;
    std::unique_ptr<ResolveStore> resolve;
    std::unique_ptr<BufferStore> buffer;
    std::unique_ptr<RetrieveStore> retrieve;
    std::unique_ptr<InferStore> infer;
    std::unique_ptr<RelayStore> relay;
    std::unique_ptr<SettleStore> settle;
    std::unique_ptr<Timers> timers;
    std::unique_ptr<DeadLetters> dead_letters;
    PostgresPauses pauses;
};

}  // namespace relevo
