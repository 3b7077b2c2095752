#include "cli/config.hpp"

#include "cli/identity_fields.hpp"
#include "domain/ip_address.hpp"
#include "runtime/yaml_fields.hpp"

namespace relevo {
namespace {

using namespace yaml;

Millis read_wait(const YAML::Node& node) {
    const Millis wait = duration(node);
    if (wait <= Millis{0}) refuse(node, "expected a duration above zero");
    return wait;
}

std::vector<Millis> read_schedule(const YAML::Node& node) {
    std::vector<Millis> waits;
    if (!node.IsSequence() || node.size() == 0) refuse(node, "expected a list of durations: [5s, 30s, 2m]");
    for (const auto& wait : node) waits.push_back(read_wait(wait));
    return waits;
}

// They are compared as texts: what is none would never match, and everybody would have the balancer's.
std::vector<std::string> read_addresses(const YAML::Node& list) {
    if (!list.IsSequence()) refuse(list, "expected a list of IP addresses");
    std::vector<std::string> addresses;
    for (const auto& item : list) {
        const auto address = ip_address(text(item));
        if (!address) refuse(item, "expected an IP address; a network or a name is none");
        addresses.push_back(*address);
    }
    return addresses;
}

Config read_config(const YAML::Node& root) {
    Config config;
    const auto path = [](std::filesystem::path& out) { return [&out](const auto& n) { out = text(n); }; };
    const auto string = [](std::string& out) { return [&out](const auto& n) { out = any_text(n); }; };
    const auto secret = [](Secret& out) { return [&out](const auto& n) { out = Secret(text(n)); }; };
    const auto texts = [](std::vector<std::string>& out, const char* what) {
        return [&out, what](const auto& list) {
            if (!list.IsSequence()) refuse(list, std::string("expected ") + what);
            for (const auto& item : list) out.push_back(text(item));
        };
    };
    read(root,
         {{"http",
           [&](const auto& n) {
               read(n,
                    {{"address", string(config.http.address)},
                     {"port", [&](const auto& p) { config.http.port = number<std::uint16_t>(p, 1, 65'535); }},
                     {"proxies", [&](const auto& p) { config.http.proxies = read_addresses(p); }}});
           }},
          {"public_url", string(config.public_url)},
          {"kafka",
           [&](const auto& n) {
               read(n,
                    {{"brokers", string(config.kafka_brokers)},
                     {"prefix", string(config.kafka_prefix)},
                     {"replication", [&](const auto& p) { config.replication = number<int>(p, 1, 9); }}},
                    {"brokers"});
           }},
          {"postgres",
           [&](const auto& n) {
               read(n,
                    {{"url", secret(config.postgres_url)},
                     {"owner_url", secret(config.postgres_owner_url)},
                     {"operator_url", secret(config.postgres_operator_url)},
                     {"operator_text_url", secret(config.postgres_operator_text_url)}},
                    {"url"});
           }},
          {"redis",
           [&](const auto& n) {
               read(n, {{"url", string(config.redis_url)}}, {"url"});
           }},
          {"master_key_file", path(config.master_key_file)},
          {"master_key_command", string(config.master_key_command)},
          {"admin_token_file", path(config.admin_token_file)},
          {"pipelines", path(config.pipelines)},
          {"migrations", path(config.migrations)},
          {"schemas", path(config.schemas)},
          {"console", path(config.console)},
          {"socketio_js", path(config.socketio_js)},
          {"providers",
           [&](const auto& n) {
               read(n, {{"openai", string(config.providers.openai)},
                        {"whatsapp", string(config.providers.whatsapp)},
                        {"telegram", string(config.providers.telegram)},
                        {"meta", string(config.providers.meta)}});
           }},
          {"meta",
           [&](const auto& n) {
               auto& meta = config.meta;
               read(n,
                    {{"app_id", string(meta.app_id)},
                     {"app_secret_file", path(meta.app_secret_file)},
                     {"instagram_app_id", string(meta.instagram_app_id)},
                     {"instagram_app_secret_file", path(meta.instagram_app_secret_file)},
                     {"config_id", string(meta.config_id)},
                     {"redirect_uri", string(meta.redirect_uri)},
                     {"look_every", [&](const auto& p) { meta.look_every = read_wait(p); }}},
                    {"redirect_uri"});
               const bool facebook = meta.app_id.empty() == meta.app_secret_file.empty();
               const bool instagram = meta.instagram_app_id.empty() == meta.instagram_app_secret_file.empty();
               if (!facebook || !instagram) refuse(n, "expected an app's id and the file with its secret");
           }},
          {"delivery",
           [&](const auto& n) {
               read(n, {{"retries", [&](const auto& list) { config.retries = read_schedule(list); }}});
           }},
          {"identity", [&](const auto& n) { config.identity = read_identity(n); }},
          {"trusted_addresses", texts(config.trusted_addresses, "a list of host:port")}},
         {"kafka", "postgres", "redis", root["master_key_command"] ? "master_key_command" : "master_key_file",
          "pipelines", "migrations", "console"});
    if (!config.master_key_file.empty() && !config.master_key_command.empty()) {
        refuse(root, "expected either master_key_file or master_key_command, not both");
    }
    if (config.public_url.empty()) {
        config.public_url = fmt::format("http://{}:{}", config.http.address, config.http.port);
    }
    return config;
}

}  // namespace

Result<Config> load_config(const std::filesystem::path& file) {
    return load<Config>(file, "config.invalid", read_config);
}

}  // namespace relevo
