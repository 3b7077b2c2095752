#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fstream>

#include "cli/commands.hpp"
#include "cli/shop_file.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

struct ShopOptions {
    std::vector<std::string> files;
    int quiet_ms = -1;  // replaces every agent's; -1: as the files say
    std::string model_url;
    std::string model;
    std::string model_key_file;
};

std::string webhook_json(const char* channel, const Config& config, const ShopListing::Address& address) {
    std::vector<std::string> accounts;
    for (const auto& account : address.accounts) accounts.push_back(json_text(account));
    return JsonObject()
        .text("url", fmt::format("{}/webhooks/{}/{}", config.public_url, channel, address.key))
        .text_if_any("app_of", address.app_of)
        .text_if_any("secret", address.secret.reveal())
        .text_if_any("verify_token", address.verify_token.reveal())
        .text("account", address.accounts.front())
        .raw("accounts", json_array(accounts))
        .str();
}

std::string shop_json(const ShopListing& shop, const Config& config) {
    JsonObject webhooks;
    if (shop.whatsapp) webhooks.raw("whatsapp", webhook_json("whatsapp", config, *shop.whatsapp));
    if (shop.telegram) webhooks.raw("telegram", webhook_json("telegram", config, *shop.telegram));
    JsonObject web;
    if (shop.web) web.text("url", config.public_url).text("key", shop.web->key);
    return JsonObject()
        .number("tenant", shop.tenant.value)
        .text("slug", shop.slug)
        .text("name", shop.name)
        .raw("web", web.str_if_any())
        .raw("webhooks", webhooks.str())
        .str();
}

void print_json(const std::vector<ShopListing>& shops, const Config& config) {
    std::vector<std::string> items;
    for (const auto& shop : shops) items.push_back(shop_json(shop, config));
    fmt::print("{}\n", json_array(items));
}

void print_list(const std::vector<ShopListing>& shops, const Config& config) {
    for (const auto& shop : shops) {
        fmt::print("{} ({}), tenant {}\n", shop.name, shop.slug, shop.tenant.value);
        if (shop.web) fmt::print("  web       key {}\n", shop.web->key);
        const auto webhook = [&](const char* channel, const std::optional<ShopListing::Address>& address) {
            if (!address) return;
            fmt::print("  {:<9} account {}, {}/webhooks/{}/{}{}\n", channel,
                       fmt::join(address->accounts, ", "), config.public_url, channel, address->key,
                       address->app_of.empty() ? "" : ", the app of " + address->app_of);
        };
        webhook("whatsapp", shop.whatsapp);
        webhook("telegram", shop.telegram);
    }
}

Secret read_key(const std::string& file) {
    std::ifstream in(file);
    std::string key;
    if (!std::getline(in, key) || key.empty()) {
        throw Failure(
            {Fault::permanent, "shop.invalid", "--model-key-file " + file + ": no key on its first line"});
    }
    return Secret(key);
}

void point_at_model(ShopSpec& shop, const ShopOptions& options) {
    if (options.model_url.empty()) return;
    shop.agent.provider = "openai";
    shop.agent.base_url = options.model_url;
    shop.agent.model = options.model;
    if (!options.model_key_file.empty()) {
        shop.credentials.push_back({"openai", "API_KEY", read_key(options.model_key_file)});
    }
}

// Some of it went with the new account; also what an earlier `apply` was cut off from is left.
void redrive_waiting(ShopBook& shops, const ShopListing& shop) {
    std::int64_t redriven = 0;
    while (const std::int64_t more = shops.redrive_waiting(shop.tenant)) {
        redriven += more;
        fmt::print(stderr, "\r{}: {} more of what waited for its accounts redriven", shop.slug, redriven);
    }
    if (redriven > 0) fmt::print(stderr, "\n");
}

int apply_shops(ShopBook& shops, const Config& config, const std::vector<std::string>& providers,
                const ShopOptions& options, bool json) {
    std::vector<ShopListing> applied;
    for (const auto& file : options.files) {
        ShopSpec shop = load_shop(file, providers).value();
        if (options.quiet_ms >= 0) shop.agent.quiet_ms = options.quiet_ms;
        point_at_model(shop, options);
        applied.push_back(shops.apply(shop));
        fmt::print(stderr, "{}: applied\n", file);
        redrive_waiting(shops, applied.back());
    }
    json ? print_json(applied, config) : print_list(applied, config);
    return 0;
}

int list_shops(ShopBook& shops, const Config& config, bool json) {
    const auto all = shops.list();
    json ? print_json(all, config) : print_list(all, config);
    return 0;
}

}  // namespace

void add_shops(Commands& commands) {
    auto* shops = commands.add_group("shops", "Tenants with their accounts, agent, secrets and catalogue");
    const auto book = [&commands] { return commands.backend().shops(commands.config()); };
    auto options = std::make_shared<ShopOptions>();
    auto* apply =
        commands.add(*shops, "apply",
                     "Make the shops of these files, or what changed of them. Where no model answers the "
                     "customer gets fallback_text; only with `on_failure: handoff` a person has it then",
                     "shops apply myshop.yaml", [&commands, book, options] {
                         return apply_shops(*book(), commands.config(), commands.backend().providers,
                                            *options, commands.json());
                     });
    apply->add_option("file", options->files, "YAML, one shop each")->required()->check(CLI::ExistingFile);
    apply->add_option("--quiet-ms", options->quiet_ms, "Every agent's window of silence")
        ->check(CLI::Range(0, 120'000));
    apply->add_option("--model-url", options->model_url,
                      "An OpenAI-compatible server answers for the agents");
    apply->add_option("--model", options->model, "The model's name there");
    apply->add_option("--model-key-file", options->model_key_file, "A file whose first line is its key");
    commands.takes_json(apply);
    commands.takes_json(commands.add(
        *shops, "list", "Addresses and keys; with --json also the secrets that verify webhooks", "shops list",
        [&commands, book] { return list_shops(*book(), commands.config(), commands.json()); }));
}

}  // namespace relevo
