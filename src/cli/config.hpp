#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "domain/identity_settings.hpp"
#include "domain/secret.hpp"

namespace relevo {

/// The installation's settings: one YAML file, given with --config. Agent logic reads nothing from the
/// environment.
struct Config {
    struct Http {
        std::string address = "127.0.0.1";
        std::uint16_t port = 8080;
        std::vector<std::string> proxies;  ///< IP addresses whose X-Forwarded-For is believed
    } http;
    std::string public_url;  ///< how the world reaches `http`; the default is made from it
    std::string kafka_brokers;
    std::string kafka_prefix;   ///< of this installation's topics and groups, where several share a cluster
    int replication = 1;        ///< copies of each topic's partitions; 3 in production
    Secret postgres_url;        ///< as relevo_app
    Secret postgres_owner_url;  ///< as relevo_owner; only `relevo migrate` needs it
    Secret
        postgres_operator_url;  ///< as relevo_operator, who reads all tenants; what an operator asks needs it
    Secret postgres_operator_text_url;  ///< as relevo_operator_text, who also reads what people wrote
    std::string redis_url;
    std::filesystem::path master_key_file;  ///< one of both
    std::string master_key_command;         ///< prints what the file would hold
    std::filesystem::path admin_token_file;
    std::filesystem::path pipelines;    ///< folder
    std::filesystem::path migrations;   ///< folder
    std::filesystem::path schemas;      ///< folder with openapi.yaml; empty: /v1 is not served
    std::filesystem::path console;      ///< folder with the pages
    std::filesystem::path socketio_js;  ///< the stock browser client
    struct Providers {                  ///< base addresses; empty: the provider's own
        std::string openai;
        std::string whatsapp;
        std::string telegram;
        std::string meta;  ///< of signing in there; below it /graph, /instagram-graph, …
    } providers;
    /// The installation's app at Meta, through which shops connect their accounts; without ids they cannot.
    struct Meta {
        std::string app_id;
        std::filesystem::path app_secret_file;
        std::string instagram_app_id;
        std::filesystem::path instagram_app_secret_file;
        std::string config_id;      ///< of a Facebook Login for Business configuration
        std::string redirect_uri;   ///< the page that Meta sends people back to, as the app has it
        Millis look_every{30'000};  ///< how often tokens to refresh, and what was cut off, are looked for
    } meta;
    /// When a bubble is tried again whose provider is away, instead of each channel's own schedule; the last
    /// one for all later times.
    std::vector<Millis> retries;
    /// host:port of the operator's own network that an agent's base_url may name; all others must be public.
    std::vector<std::string> trusted_addresses;
    /// How people sign in; the operator's token stands in admin_token_file.
    IdentitySettings identity;
};

/// Refuses unknown keys and missing files: "config.invalid", with file, line and column.
Result<Config> load_config(const std::filesystem::path& file);

}  // namespace relevo
