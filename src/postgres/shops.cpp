#include "postgres/shops.hpp"

#include <map>
#include <utility>

#include "core/json_object.hpp"
#include "domain/agent_settings.hpp"
#include "domain/shop_rules.hpp"
#include "postgres/agents.hpp"
#include "postgres/codec.hpp"
#include "postgres/json.hpp"
#include "postgres/shop_names.hpp"
#include "postgres/stores.hpp"
#include "postgres/tenant_store.hpp"

namespace relevo {
namespace {

// Where the channels look for their secrets.
constexpr auto whatsapp = "whatsapp_cloud";
constexpr auto telegram = "telegram";

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

// "" where they are not stated: JsonObject leaves that out.
std::string synonyms_json(const ShopSpec& spec) {
    if (!spec.synonyms) return {};
    JsonObject synonyms;
    for (const auto& [said, meant] : *spec.synonyms) synonyms.raw(said, json_texts(meant));
    return synonyms.str();
}

std::string catalogue_json(const ShopSpec& spec) {
    if (!spec.catalogue) return {};
    std::vector<std::string> products;
    for (const auto& product : *spec.catalogue) products.push_back(product_json(product));
    return json_array(products);
}

std::string agent_states_json(const ShopSpec& spec) {
    if (!spec.agent_states) return {};
    return json_texts(std::vector<std::string>(spec.agent_states->begin(), spec.agent_states->end()));
}

// As op_change_tenant takes it.
std::string settings_json(const ShopSpec& spec) {
    JsonObject settings;
    settings.text_if_any("time_zone", spec.time_zone);
    if (spec.redact) settings.raw("redact", json_texts(names_of(*spec.redact)));
    if (spec.keep_days)
        settings.raw("keep_days", *spec.keep_days ? std::to_string(**spec.keep_days) : "null");
    return settings.str();
}

JsonObject account_json(std::string_view channel, std::string_view external_id, std::string_view name,
                        Random& random) {
    JsonObject account;
    account.text("channel", channel)
        .id("account_id", account_id(channel, external_id))
        .text("external_id", external_id)
        .text("name", name)
        .text("drawn", random.hex(16));
    return account;
}

// `app_key`: of the address of another shop's app, which WhatsApp's webhooks come through. Where neither that
// nor a secret of an app of the shop's own is stated, a number that is there stays where it is.
std::string accounts_json(const ShopSpec& spec, const std::string& app_key, Random& random) {
    std::vector<std::string> accounts;
    // a web page has no provider that names it: its shop does
    if (spec.web) {
        accounts.push_back(
            account_json("web", spec.slug, spec.name, random).text("key", spec.web->key).str());
    }
    if (spec.whatsapp) {
        const bool own_app = !spec.whatsapp->app_secret.empty() || !spec.whatsapp->verify_token.empty();
        for (const auto& number : spec.whatsapp->numbers) {
            accounts.push_back(account_json("whatsapp", number.phone_number_id, number.display, random)
                                   .text("app_key", app_key)
                                   .flag("own_app", own_app)
                                   .str());
        }
    }
    if (spec.telegram)
        accounts.push_back(account_json("telegram", spec.telegram->bot_id, spec.name, random).str());
    return json_array(accounts);
}

Task<std::string> app_key_of(Database& database, std::string slug, ApplyMode mode) {
    if (const auto shop = co_await find_shop(database, slug)) {
        std::string request = JsonObject().text("channel", "whatsapp").str();
        const std::string found = co_await database.call("app_key", *shop, std::move(request));
        std::string key = Json::parse(found).text();
        if (!key.empty()) co_return key;
    }
    std::string text =
        "app_of: there is no shop '" + slug + "' with a WhatsApp app of its own; apply that one first";
    if (mode == ApplyMode::dry_run) text += ": a dry run makes none for the files after it";
    throw Failure({Fault::permanent, "shop.invalid", std::move(text)});
}

// Before anything is made: what another shop has is refused, and leaves no half of a shop behind.
Task<void> refuse_foreign_accounts(Database& database, const ShopSpec& spec) {
    std::vector<std::pair<std::string, std::string>> wanted;
    if (spec.whatsapp) {
        for (const auto& number : spec.whatsapp->numbers)
            wanted.emplace_back("whatsapp", number.phone_number_id);
    }
    if (spec.telegram) wanted.emplace_back("telegram", spec.telegram->bot_id);
    for (const auto& [channel, id] : wanted) {
        std::string request =
            JsonObject().text("channel", channel).text("external_id", id).text("slug", spec.slug).str();
        const std::string taken = co_await database.call("account_taken", TenantId{}, std::move(request));
        if (!Json::parse(taken).flag()) continue;
        throw Failure({Fault::permanent, "shop.invalid",
                       "the " + channel + " account " + id +
                           " is another shop's (relevo shops list --all): check the file's"});
    }
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
        if (spec.whatsapp->app_of.empty()) {
            credentials.push_back({whatsapp, "APP_SECRET", spec.whatsapp->app_secret, false});
            credentials.push_back({whatsapp, "VERIFY_TOKEN", spec.whatsapp->verify_token, true});
        }
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

// What the vault has; nothing where that does not open any more, but is stated again.
Task<Secret> known_value(PostgresVault& vault, TenantId tenant, Credential credential) {
    try {
        co_return co_await vault.find(tenant, credential.category, credential.name);
    } catch (const Failure& failure) {
        if (credential.value.empty() || failure.error().code != "vault.sealed_otherwise") throw;
    }
    co_return Secret();
}

struct StatedSecrets {
    std::vector<StatedCredential> credentials;  // what is new of them
    std::vector<ShopChange> changes;
};

// Of a shop that is not there yet the vault has nothing.
Task<StatedSecrets> stated_secrets(PostgresVault& vault, std::optional<TenantId> tenant,
                                   std::vector<Credential> credentials, Random& random) {
    StatedSecrets stated;
    for (const auto& credential : credentials) {
        Secret known;
        if (tenant) known = co_await known_value(vault, *tenant, credential);
        Secret wanted = credential.value;
        if (wanted.empty() && known.empty() && credential.draw) wanted = Secret(random.hex(16));
        if (wanted.empty() || wanted.reveal() == known.reveal()) continue;
        stated.changes.push_back(
            {"credential", credential.category + " " + credential.name, known.empty() ? "new" : "changed"});
        stated.credentials.push_back({credential.category, credential.name, std::move(wanted)});
    }
    co_return stated;
}

struct OwnedAddress {
    std::string owner;  // a slug
    ShopListing::Address address;
};
using Addresses = std::map<std::int64_t, OwnedAddress>;  // by the endpoint's id

// An endpoint's secrets are its own shop's; accounts of other shops may stand under it.
Task<void> add_addresses(PostgresVault& vault, TenantId tenant, std::string owner, Json endpoints,
                         Addresses& addresses) {
    for (const auto& row : endpoints.items()) {
        ShopListing::Address address{row.text("key"), {}, {}, {}, {}};
        const std::string channel = row.text("channel");
        if (channel == "whatsapp") {
            address.verify_token = co_await vault.find(tenant, whatsapp, "VERIFY_TOKEN");
        } else if (channel == "telegram") {
            address.secret = co_await vault.find(tenant, telegram, "SECRET_TOKEN");
        }
        addresses.emplace(row.number("id"), OwnedAddress{owner, std::move(address)});
    }
}

ShopStanding parse_standing(const std::string& text) {
    const Json json = Json::parse(text);
    return {json.flag("retired"),         json.flag("guests"),    json.number("accounts"),
            json.number("conversations"), json.number("replies"), json.number("credentials")};
}

Task<void> refuse_unknown_time_zone(Database& database, const ShopSpec& spec) {
    if (spec.time_zone.empty()) co_return;
    TenantChange change;
    change.time_zone = spec.time_zone;
    auto asked = change_tenant(database, TenantId{}, change);  // nothing but whether there is one
    if (co_await std::move(asked) != TenantStore::Changed::unknown_time_zone) co_return;
    throw Failure({Fault::permanent, "shop.invalid",
                   "time_zone '" + spec.time_zone + "': " + std::string(no_such_time_zone)});
}

ShopChange parse_change(const Json& json) {
    ShopChange change{json.text("part"),   json.text("name"),  json.text("change"),
                      json.text("before"), json.text("after"), json["fields"].texts()};
    if (const Json counts = json["counts"]; !counts.null()) {
        change.counts = {counts.number("all"), counts.number("new"), counts.number("changed"),
                         counts.number("gone")};
    }
    return change;
}

void add_account(ShopListing& listing, const Json& row, const Addresses& addresses) {
    const std::string channel = row.text("channel");
    auto& slot = channel == "web" ? listing.web : channel == "whatsapp" ? listing.whatsapp : listing.telegram;
    if (!slot) {
        const auto& [owner, address] = addresses.at(row.number("endpoint"));
        slot = owner == listing.slug ? address : ShopListing::Address{address.key, {}, owner, {}, {}};
    }
    slot->accounts.push_back(row.text("account"));
}

}  // namespace

Task<ShopApplied> apply_shop(Database& database, PostgresVault& vault, ShopSpec spec, Random& random,
                             ApplyMode mode) {
    co_await refuse_foreign_accounts(database, spec);
    co_await refuse_unknown_time_zone(database, spec);
    std::string app_key;
    if (spec.whatsapp && !spec.whatsapp->app_of.empty()) {
        app_key = co_await app_key_of(database, spec.whatsapp->app_of, mode);
    }
    std::optional<TenantId> known = co_await find_shop(database, spec.slug);
    ShopApplied applied;
    if (!known) {
        if (spec.name.empty()) {
            throw Failure({Fault::permanent, "shop.invalid",
                           "there is no shop '" + spec.slug + "' yet: state the name that it shall have"});
        }
        applied.changes.push_back({"shop", "", "new"});
    }
    const bool dry_run = mode == ApplyMode::dry_run;
    if (!known && !dry_run) {
        std::string registration = JsonObject().text("slug", spec.slug).text("name", spec.name).str();
        const std::string registered =
            co_await database.call("register_tenant", TenantId{}, std::move(registration));
        known = TenantId{Json::parse(registered).number()};
    }
    applied.tenant = known.value_or(TenantId{});
    const auto secrets = co_await stated_secrets(vault, known, credentials_of(spec), random);
    Json result = Json::parse("null");
    do {
        std::string sealed = "[]";
        if (!dry_run) sealed = co_await vault.sealed_json(applied.tenant, secrets.credentials);
        std::string request = JsonObject()
                                  .text("slug", spec.slug)
                                  .text("name", spec.name)
                                  .text("language", spec.language)
                                  .text("fallback_text", spec.fallback_text)
                                  .raw("settings", settings_json(spec))
                                  .raw("synonyms", synonyms_json(spec))
                                  .raw("agent", agent_json(spec.agent))
                                  .raw("agent_states", agent_states_json(spec))
                                  .raw("accounts", accounts_json(spec, app_key, random))
                                  .raw("credentials", sealed)
                                  .raw("catalogue", catalogue_json(spec))
                                  .flag("dry_run", dry_run)
                                  .flag("careful", mode == ApplyMode::careful)
                                  .str();
        result = Json::parse(co_await database.call("apply_shop", applied.tenant, std::move(request)));
    } while (result.flag("stale"));
    applied.done = result.flag("done");
    for (const auto& change : result["changes"].items()) applied.changes.push_back(parse_change(change));
    applied.changes.insert(applied.changes.end(), secrets.changes.begin(), secrets.changes.end());
    if (!result["agent"].null()) applied.agent = parse_agent_spec(result["agent"]);
    co_return applied;
}

Task<std::int64_t> redrive_waiting(Database& database, TenantId tenant) {
    constexpr int at_once = 1'000;  // of one account, in one transaction
    const Json known = Json::parse(co_await database.call("list_addresses", tenant, "{}"));
    std::int64_t redriven = 0;
    for (const auto& account : known["accounts"].items()) {
        std::string request = JsonObject()
                                  .text("channel", account.text("channel"))
                                  .text("account", account.text("account"))
                                  .number("endpoint", account.number("endpoint"))
                                  .number("limit", at_once)
                                  .str();
        const std::string count = co_await database.call("redrive_account", TenantId{}, std::move(request));
        redriven += Json::parse(count).number();
    }
    co_return redriven;
}

Task<ShopStanding> shop_standing(Database& database, std::string slug) {
    const TenantId tenant = co_await require_shop(database, std::move(slug));
    const std::string standing = co_await database.call("shop_standing", tenant, "{}");
    co_return parse_standing(standing);
}

Task<ShopStanding> retire_shop(Database& database, std::string slug) {
    const TenantId tenant = co_await require_shop(database, std::move(slug));
    const std::string standing = co_await database.call("retire_shop", tenant, "{}");
    co_return parse_standing(standing);
}

Task<std::vector<ShopListing>> list_shops(Database& database, PostgresVault& vault) {
    std::vector<ShopListing> listings;
    std::vector<Json> accounts;
    Addresses addresses;
    for (const auto& [tenant, slug, name] : co_await list_shop_names(database)) {
        listings.push_back({tenant, slug, name, {}, {}, {}});
        const Json known = Json::parse(co_await database.call("list_addresses", tenant, "{}"));
        listings.back().retired = known.flag("retired");
        listings.back().leaving = known.flag("leaving");
        co_await add_addresses(vault, tenant, slug, known["endpoints"], addresses);
        accounts.push_back(known["accounts"]);
    }
    for (std::size_t i = 0; i < listings.size(); ++i) {
        for (const auto& row : accounts[i].items()) add_account(listings[i], row, addresses);
    }
    co_return listings;
}

}  // namespace relevo
