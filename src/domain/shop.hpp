#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/ids.hpp"
#include "domain/secret.hpp"

namespace relevo {

/// A model that is asked where the agent's own fails.
struct FallbackSpec {
    std::string provider;
    std::string base_url;
    std::string model;
    std::string credentials;  ///< the category with its key; empty: the provider's, if base_url is empty too
};

/// The agent that answers for a shop. Defaults are the product's.
struct AgentSpec {
    std::string name = "Asistente";
    std::string role = "sales";
    std::string provider = "offline";
    std::string base_url;  ///< empty: the provider's own
    std::string model;
    std::string prompt;  ///< may contain {STORE_NAME} and {STORE_CATALOG_KNOWLEDGE}
    std::string disclosure;
    double temperature = 0.7;
    int max_output_tokens = 1'024;
    int quiet_ms = 16'000;
    int max_wait_ms = 60'000;
    int max_messages = 20;
    std::vector<FallbackSpec> fallbacks;  ///< in this order
    /// Where none of them answers the customer gets the shop's fallback_text; then a human has the
    /// conversation, if this says so.
    bool hands_off = false;
};

struct ProductSpec {
    std::string sku;  ///< unique within the shop
    std::string name;
    std::string description;
    std::string price;     ///< as a customer reads it, without the currency: "12.500"; may be empty
    std::string currency;  ///< ISO 4217
    std::string url;
    std::map<std::string, std::string> attributes;  ///< "talles" → "34 al 41"
};

/// Where a secret or key is empty, the one that the vault has stays, else one is drawn.
struct WebSpec {
    std::string key;
};
struct WhatsappSpec {
    struct Number {
        std::string phone_number_id;
        std::string display;  ///< the number as people write it
    };
    std::vector<Number> numbers;  ///< of one Meta app: one webhook address for all of them
    std::string app_of;  ///< another shop's slug: its app's address and secrets serve these numbers too
    Secret app_secret;
    Secret verify_token;
    Secret access_token;
};
struct TelegramSpec {
    std::string bot_id;
    Secret secret_token;
    Secret bot_token;
};

struct CredentialSpec {
    std::string category;  ///< "openai"
    std::string name;      ///< "API_KEY"
    Secret value;
};

/// Everything that makes a shop, as its owner states it. Applying it twice changes nothing. A number, bot or
/// page that is not in it any more is retired: nothing that comes in for it is answered, until it is in it
/// again.
struct ShopSpec {
    std::string slug;  ///< unique in the installation: lower-case letters, digits, hyphens
    std::string name;
    std::string language = "es";
    /// For as many days what customers wrote is kept, at least 30; nothing: for ever.
    std::optional<int> keep_days;
    std::string fallback_text;  ///< what a customer reads when no answer can be made; empty: the default's
    std::map<std::string, std::vector<std::string>>
        synonyms;  ///< what customers say → what the catalogue says
    AgentSpec agent;
    std::optional<WebSpec> web;
    std::optional<WhatsappSpec> whatsapp;
    std::optional<TelegramSpec> telegram;
    std::vector<CredentialSpec> credentials;
    std::vector<ProductSpec> catalogue;
};

/// What an operator needs to connect a shop to the world. Holds secrets: printed by the command line only.
struct ShopListing {
    struct Address {
        std::string key;                    ///< of the webhook's address, or of the widget
        std::vector<std::string> accounts;  ///< the provider's names of the shop's numbers, or of its bot
        std::string app_of;   ///< the shop whose address it is, where that is another: no secrets then
        Secret secret;        ///< that signs (WhatsApp) or accompanies (Telegram) each webhook
        Secret verify_token;  ///< of WhatsApp's challenge
    };
    TenantId tenant;
    std::string slug;
    std::string name;
    std::optional<Address> web;
    std::optional<Address> whatsapp;
    std::optional<Address> telegram;
};

/// The installation's shops, for the command line: blocks.
class ShopBook {
  public:
    virtual ~ShopBook() = default;
    /// Makes the shop, or what changed of it.
    virtual ShopListing apply(const ShopSpec& shop) = 0;
    /// Redrives, of what came in for the shop's accounts before it had them, the next ones: how many; 0: none
    /// is left.
    virtual std::int64_t redrive_waiting(TenantId shop) = 0;
    virtual std::vector<ShopListing> list() = 0;
};

}  // namespace relevo
