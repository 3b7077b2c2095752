#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/ids.hpp"
#include "domain/business_hours.hpp"
#include "domain/personal_kind.hpp"
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
    std::string prompt;  ///< may contain {STORE_NAME}, {STORE_CATALOG_KNOWLEDGE}, {CUSTOMER} and {METADATA}
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
    std::vector<std::string> tools{};     ///< names of those that it may use
    std::vector<std::string> channels{};  ///< where it answers in the place of the shop's own agent
    std::optional<int> spacing_ms{};      ///< between two of its bubbles; nothing: as the channel has it
    std::vector<OpenHours> hours{};       ///< none: always
    /// Outside of its hours the customer gets this, or where it is empty the shop's fallback_text; then a
    /// human has the conversation, if `closed_hands_off` says so.
    std::string closed_text{};
    bool closed_hands_off = false;
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

/// Where a secret or key is empty, the one that the vault has stays, else one is drawn, but for what Meta and
/// Telegram give: an app's secret, an access token, a bot's token.
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

/// What makes a shop, as its owner states it; what is empty or nothing here is not stated, and stays as it
/// is. Applying it twice changes nothing. Of a channel that is stated, the numbers, bots and pages that an
/// earlier one stated and this does not are retired: nothing that comes in for them is answered, until one
/// has them again.
struct ShopSpec {
    std::string slug;           ///< unique in the installation: lower-case letters, digits, hyphens
    std::string name;           ///< a new shop needs it
    std::string language;       ///< "es" at first
    std::string time_zone;      ///< as America/Argentina/Buenos_Aires; UTC at first
    std::string fallback_text;  ///< what a customer reads when no answer can be made
    /// For as many days what customers wrote is kept, at least 30; nothing in it, and at first: for ever.
    std::optional<std::optional<int>> keep_days;
    /// What customers say → what the catalogue says.
    std::optional<std::map<std::string, std::vector<std::string>>> synonyms;
    std::optional<PersonalKinds> redact;  ///< what of a conversation no model is shown; all at first
    /// Its default agent.
    AgentSpec agent;
    /// What is stated of `agent`, by agent_json's names; nothing: all of it. The rest is as the agent of that
    /// name, or without a name the default one, has it.
    std::optional<std::set<std::string>> agent_states;
    std::optional<WebSpec> web;
    std::optional<WhatsappSpec> whatsapp;
    std::optional<TelegramSpec> telegram;
    std::vector<CredentialSpec> credentials;
    std::optional<std::vector<ProductSpec>> catalogue;
};

/// What an `apply` does to one part of a shop.
struct ShopChange {
    struct Counts {
        std::int64_t all = 0;
        std::int64_t added = 0;
        std::int64_t changed = 0;
        std::int64_t gone = 0;
    };
    std::string part;      ///< "shop", "account", "agent", "credential", or as the file calls it
    std::string name;      ///< which one, where there are several: "whatsapp 1055500001", "openai API_KEY"
    std::string change;    ///< "new", "changed", "retired", "back" of what was retired, "default" of an agent
    std::string before{};  ///< of a setting
    std::string after{};
    std::vector<std::string> fields{};  ///< of an agent: what differs
    std::optional<Counts> counts{};     ///< of a list
};

enum class ApplyMode {
    all,
    careful,  ///< where it would retire or move an account nothing is done
    dry_run,  ///< nothing is done
};

/// What was done, or would be.
struct ShopApplied {
    TenantId tenant;  ///< 0: a dry run of a shop that is not there
    bool done = false;
    std::vector<ShopChange> changes;
    std::optional<AgentSpec> agent{};  ///< the shop's default one, as it is then
    std::string remark{};              ///< what that still lacks to answer; empty: nothing
};

/// What an operator needs to connect a shop to the world. Holds what a provider is told: printed by the
/// command line only.
struct ShopListing {
    struct Address {
        std::string key;                    ///< of the webhook's address, or of the widget
        std::vector<std::string> accounts;  ///< the provider's names of the shop's numbers, or of its bot
        std::string app_of;   ///< the shop whose address it is, where that is another: no secrets then
        Secret secret;        ///< that Telegram sends with each webhook
        Secret verify_token;  ///< of WhatsApp's challenge
    };
    TenantId tenant;
    std::string slug;
    std::string name;
    std::optional<Address> web;
    std::optional<Address> whatsapp;
    std::optional<Address> telegram;
    bool retired = false;  ///< it was removed
    bool leaving = false;  ///< it is being removed
};

/// What a shop would leave behind.
struct ShopStanding {
    bool retired = false;            ///< it has left, and its secrets are gone
    bool guests = false;             ///< accounts of other shops stand under its app and live by its secrets
    std::int64_t accounts = 0;       ///< that take messages
    std::int64_t conversations = 0;  ///< in which it still has to answer
    std::int64_t replies = 0;        ///< bubbles of its answers that are not sent
    std::int64_t credentials = 0;
};

/// To be thrown where an operator names a shop by a slug that none has, whatever is asked of it.
inline Failure unknown_shop(const std::string& slug) {
    return Failure({Fault::permanent, "shop.unknown",
                    "there is no shop '" + slug + "'; relevo shops list names those that there are"});
}

/// The installation's shops, for the command line: blocks.
class ShopBook {
  public:
    virtual ~ShopBook() = default;
    /// Makes the shop, or what is stated of it. Throws Failure "shop.invalid".
    virtual ShopApplied apply(const ShopSpec& shop, ApplyMode mode) = 0;
    /// Redrives, of what came in for the shop's accounts before it had them, the next ones: how many; 0: none
    /// is left.
    virtual std::int64_t redrive_waiting(TenantId shop) = 0;
    /// Retired ones too.
    virtual std::vector<ShopListing> list() = 0;
    /// Throws Failure "shop.unknown".
    virtual ShopStanding standing(const std::string& slug) = 0;
    /// Its accounts take nothing any more. Where that has been so for two minutes and no conversation is open
    /// its secrets are removed and it is retired; else that is left for another call. With guests nothing is
    /// done. What it had; throws as `standing`.
    virtual ShopStanding retire(const std::string& slug) = 0;
};

}  // namespace relevo
