#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <fstream>

#include "cli/commands.hpp"
#include "cli/shop_file.hpp"

namespace relevo {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void put(Writer& out, const char* name, const std::string& value) {
    out.Key(name);
    out.String(value.c_str(), static_cast<rapidjson::SizeType>(value.size()));
}

void put_webhook(Writer& out, const char* channel, const Config& config,
                 const ShopListing::Address& address) {
    out.Key(channel);
    out.StartObject();
    put(out, "url", fmt::format("{}/webhooks/{}/{}", config.public_url, channel, address.key));
    put(out, "secret", address.secret.reveal());
    if (!address.verify_token.empty()) put(out, "verify_token", address.verify_token.reveal());
    put(out, "account", address.accounts.front());
    out.Key("accounts");
    out.StartArray();
    for (const auto& account : address.accounts) out.String(account.c_str());
    out.EndArray();
    out.EndObject();
}

void print_json(const std::vector<ShopListing>& shops, const Config& config) {
    rapidjson::StringBuffer buffer;
    Writer out(buffer);
    out.StartArray();
    for (const auto& shop : shops) {
        out.StartObject();
        out.Key("tenant");
        out.Int64(shop.tenant.value);
        put(out, "slug", shop.slug);
        put(out, "name", shop.name);
        if (shop.web) {
            out.Key("web");
            out.StartObject();
            put(out, "url", config.public_url);
            put(out, "key", shop.web->key);
            out.EndObject();
        }
        out.Key("webhooks");
        out.StartObject();
        if (shop.whatsapp) put_webhook(out, "whatsapp", config, *shop.whatsapp);
        if (shop.telegram) put_webhook(out, "telegram", config, *shop.telegram);
        out.EndObject();
        out.EndObject();
    }
    out.EndArray();
    fmt::print("{}\n", buffer.GetString());
}

void print_list(const std::vector<ShopListing>& shops, const Config& config) {
    for (const auto& shop : shops) {
        fmt::print("{} ({}), tenant {}\n", shop.name, shop.slug, shop.tenant.value);
        if (shop.web) fmt::print("  web       key {}\n", shop.web->key);
        const auto webhook = [&](const char* channel, const std::optional<ShopListing::Address>& address) {
            if (!address) return;
            fmt::print("  {:<9} account {}, {}/webhooks/{}/{}\n", channel, fmt::join(address->accounts, ", "),
                       config.public_url, channel, address->key);
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

}  // namespace

int apply_shops(ShopBook& shops, const Config& config, const ShopOptions& options) {
    std::vector<ShopListing> applied;
    for (const auto& file : options.files) {
        ShopSpec shop = load_shop(file).value();
        if (options.quiet_ms >= 0) shop.agent.quiet_ms = options.quiet_ms;
        point_at_model(shop, options);
        applied.push_back(shops.apply(shop));
        fmt::print(stderr, "{}: applied\n", file);
    }
    options.json ? print_json(applied, config) : print_list(applied, config);
    return 0;
}

int list_shops(ShopBook& shops, const Config& config, bool json) {
    const auto all = shops.list();
    json ? print_json(all, config) : print_list(all, config);
    return 0;
}

}  // namespace relevo
