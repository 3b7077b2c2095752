#include "postgres/shops.hpp"

#include "postgres/codec.hpp"
#include "postgres/json.hpp"
#include "postgres/stores.hpp"

namespace relevo {
namespace {

// Where the channels look for their secrets.
constexpr auto whatsapp = "whatsapp_cloud";
constexpr auto telegram = "telegram";

std::string agent_json(const AgentSpec& agent) {
    return JsonObject()
        .text("name", agent.name)
        .text("role", agent.role)
        .text("provider", agent.provider)
        .text("base_url", agent.base_url)
        .text("model", agent.model)
        .text("prompt", agent.prompt)
        .text("disclosure", agent.disclosure)
        .real("temperature", agent.temperature)
        .number("max_output_tokens", agent.max_output_tokens)
        .number("quiet_ms", agent.quiet_ms)
        .number("max_wait_ms", agent.max_wait_ms)
        .number("max_messages", agent.max_messages)
        .str();
}

std::string product_json(const ProductSpec& product) {
    JsonObject attributes;
    for (const auto& [name, value] : product.attributes) attributes.text(name, value);
    return JsonObject()
        .text("sku", product.sku)
        .text("name", product.name)
        .text("description", product.description)
        .text("price", product.price)
        .text("currency", product.currency)
        .text("url", product.url)
        .raw("attributes", attributes.str())
        .str();
}

std::string synonyms_json(const ShopSpec& spec) {
    JsonObject synonyms;
    for (const auto& [said, meant] : spec.synonyms) {
        std::vector<std::string> texts;
        for (const auto& text : meant) texts.push_back(json_text(text));
        synonyms.raw(said, json_array(texts));
    }
    return synonyms.str();
}

std::string account_json(std::string_view channel, std::string_view external_id, std::string_view name,
                         std::string_view key, Random& random) {
    return JsonObject()
        .text("channel", channel)
        .id("account_id", account_id(channel, external_id))
        .text("external_id", external_id)
        .text("name", name)
        .text("key", key)
        .text("drawn", random.hex(16))
        .str();
}

std::string accounts_json(const ShopSpec& spec, Random& random) {
    std::vector<std::string> accounts;
    // a web page has no provider that names it: its shop does
    if (spec.web) accounts.push_back(account_json("web", spec.slug, spec.name, spec.web->key, random));
    if (spec.whatsapp) {
        accounts.push_back(
            account_json("whatsapp", spec.whatsapp->phone_number_id, spec.whatsapp->display, "", random));
    }
    if (spec.telegram)
        accounts.push_back(account_json("telegram", spec.telegram->bot_id, spec.name, "", random));
    return json_array(accounts);
}

// `draw`: a secret that we choose and tell the provider; the others come from the provider.
struct Credential {
    std::string category;
    std::string name;
    Secret value;
    bool draw;
};

std::vector<Credential> credentials_of(const ShopSpec& spec) {
    std::vector<Credential> credentials;
    if (spec.whatsapp) {
        credentials.push_back({whatsapp, "APP_SECRET", spec.whatsapp->app_secret, true});
        credentials.push_back({whatsapp, "VERIFY_TOKEN", spec.whatsapp->verify_token, true});
        credentials.push_back({whatsapp, "ACCESS_TOKEN", spec.whatsapp->access_token, false});
    }
    if (spec.telegram) {
        credentials.push_back({telegram, "SECRET_TOKEN", spec.telegram->secret_token, true});
        credentials.push_back({telegram, "BOT_TOKEN", spec.telegram->bot_token, false});
    }
    for (const auto& stated : spec.credentials) {
        credentials.push_back({stated.category, stated.name, stated.value, false});
    }
    return credentials;
}

Task<std::string> credentials_json(Database& database, MasterKey key, TenantId tenant,
                                   std::vector<Credential> credentials, Random& random) {
    const std::unique_ptr<Vault> vault = make_vault(database, key);
    std::vector<std::string> sealed;
    for (const auto& credential : credentials) {
        const Secret known = co_await vault->find(tenant, credential.category, credential.name);
        Secret wanted = credential.value;
        if (wanted.empty() && known.empty() && credential.draw) wanted = Secret(random.hex(16));
        if (wanted.empty() || wanted.reveal() == known.reveal()) continue;
        const std::string bytes = key.seal(tenant, credential.category, credential.name, wanted);
        sealed.push_back(JsonObject()
                             .text("category", credential.category)
                             .text("name", credential.name)
                             .text("sealed", to_hex(bytes))
                             .str());
    }
    co_return json_array(sealed);
}

Task<ShopListing> listing_of(Database& database, MasterKey key, Json shop) {
    ShopListing listing;
    listing.tenant = {shop.number("tenant")};
    listing.slug = shop.text("slug");
    listing.name = shop.text("name");
    const std::unique_ptr<Vault> vault = make_vault(database, key);
    const std::string result = co_await database.call("list_addresses", listing.tenant, "{}");
    for (const auto& row : Json::parse(result).items()) {
        ShopListing::Address address{row.text("key"), row.text("account"), {}, {}};
        const std::string channel = row.text("channel");
        if (channel == "web") {
            listing.web = address;
        } else if (channel == "whatsapp") {
            address.secret = co_await vault->find(listing.tenant, whatsapp, "APP_SECRET");
            address.verify_token = co_await vault->find(listing.tenant, whatsapp, "VERIFY_TOKEN");
            listing.whatsapp = address;
        } else if (channel == "telegram") {
            address.secret = co_await vault->find(listing.tenant, telegram, "SECRET_TOKEN");
            listing.telegram = address;
        }
    }
    co_return listing;
}

}  // namespace

Task<TenantId> apply_shop(Database& database, MasterKey key, ShopSpec spec, Random& random) {
    std::string registration = JsonObject().text("slug", spec.slug).text("name", spec.name).str();
    const std::string registered =
        co_await database.call("register_tenant", TenantId{}, std::move(registration));
    const TenantId tenant{Json::parse(registered).number()};
    const std::string credentials =
        co_await credentials_json(database, key, tenant, credentials_of(spec), random);
    std::vector<std::string> products;
    for (const auto& product : spec.catalogue) products.push_back(product_json(product));
    std::string request = JsonObject()
                              .text("name", spec.name)
                              .text("language", spec.language)
                              .text("fallback_text", spec.fallback_text)
                              .raw("synonyms", synonyms_json(spec))
                              .raw("agent", agent_json(spec.agent))
                              .raw("accounts", accounts_json(spec, random))
                              .raw("credentials", credentials)
                              .raw("catalogue", json_array(products))
                              .str();
    co_await database.call("apply_shop", tenant, std::move(request));
    co_return tenant;
}

Task<std::vector<ShopListing>> list_shops(Database& database, MasterKey key) {
    const std::string tenants = co_await database.call("list_tenants", TenantId{}, "{}");
    std::vector<ShopListing> listings;
    for (const auto& shop : Json::parse(tenants).items()) {
        listings.push_back(co_await listing_of(database, key, shop));
    }
    co_return listings;
}

}  // namespace relevo
