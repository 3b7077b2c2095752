#include "process/shared.hpp"

#include "channels/meta_places.hpp"
#include "http/address_guard.hpp"
#include "postgres/address.hpp"
#include "vault/key_file.hpp"

namespace relevo {

KafkaSettings kafka_settings(const Config& config) {
    return {config.kafka_brokers, config.kafka_prefix};
}

ClientLimits client_limits(const Config& config) {
    ClientLimits limits;
    limits.trusted_addresses = config.trusted_addresses;
    return limits;
}

ModelSettings model_settings(const Config& config) {
    ModelSettings settings;
    if (!config.providers.openai.empty()) settings.openai_base_url = config.providers.openai;
    return settings;
}

ChannelSettings channel_settings(const Config& config) {
    ChannelSettings settings;
    if (!config.providers.whatsapp.empty()) settings.whatsapp_url = config.providers.whatsapp;
    if (!config.providers.telegram.empty()) settings.telegram_url = config.providers.telegram;
    return settings;
}

namespace {

// For who only asks what a channel or provider is called, or may do.
struct NoHttp final : HttpClient {
    Task<boost::system::result<HttpResponse, HttpFault>> send(HttpCall, BodySink) override {
        co_return HttpFault{Reached::no, "not connected"};
    }
};

}  // namespace

ChannelLimitsByName channel_limits() {
    NoHttp none;
    ChannelLimitsByName limits;
    for (const auto& channel : make_channels({}, none))
        limits[std::string(channel->name())] = channel->limits();
    return limits;
}

AgentMeans agent_means(const Config& config) {
    NoHttp none;
    SystemClock clock;
    AgentMeans means;
    const ModelProviders providers = make_model_providers({}, none, clock);
    for (const auto& name : providers.names())
        means.providers[name] = std::string(providers.find(name)->credentials());
    for (const auto& [name, limits] : channel_limits()) means.channels.insert(name);
    for (const MetaKind kind : {MetaKind::facebook, MetaKind::instagram}) {
        for (const auto name : channels_of(kind)) means.channels.emplace(name);
    }
    const TrustedAddresses trusted(config.trusted_addresses);
    means.address_mistake = [trusted](std::string_view url) { return stated_url_mistake(url, trusted); };
    return means;
}

std::shared_ptr<MasterKeys> master_keys(const Config& config) {
    return std::make_shared<MasterKeys>(config.master_key_command.empty()
                                            ? master_key_file(config.master_key_file)
                                            : master_key_command(config.master_key_command));
}

DatabaseConfig database_config(const Secret& url, DatabaseObserver* observer) {
    DatabaseConfig config;
    config.url = url.reveal();
    config.observer = observer;
    return config;
}

DatabaseConfig operator_database(const Secret& url, const std::string& user) {
    DatabaseConfig config = database_config(url);
    config.url = for_operator(std::move(config.url), user);
    return config;
}

Shared::Shared(const Config& given, boost::asio::io_context& io, const Surroundings& around)
    : config(given),
      surroundings(around),
      database(database_config(given.postgres_url, around.database)),
      installation(await(installation_id(database))),
      live(io, {given.redis_url, installation, {}, 10'000}, random),
      masters(master_keys(given)),
      vault(database, masters),
      resolve(make_resolve_store(database, vault)),
      buffer(make_buffer_store(database)),
      retrieve(make_retrieve_store(database)),
      infer(make_infer_store(database)),
      relay(make_relay_store(database, channel_limits())),
      settle(make_settle_store(database)),
      timers(make_timers(database)),
      dead_letters(make_dead_letters(database)),
      pauses(database) {
    if (around.observer) observers.push_back(around.observer);
    await(pauses.read());
}

}  // namespace relevo
