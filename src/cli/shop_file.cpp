#include "cli/shop_file.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>

#include "cli/agent_fields.hpp"
#include "domain/reserved_category.hpp"
#include "domain/shop_rules.hpp"
#include "runtime/yaml_fields.hpp"

namespace relevo {
namespace {

using namespace yaml;

std::function<void(const YAML::Node&)> secret(Secret& out) {
    return [&out](const YAML::Node& node) { out = yaml::secret(node); };
}

// An empty map may be written as nothing at all: "web:".
void read_optional(const YAML::Node& node, const Fields& fields, const std::set<std::string>& required = {}) {
    if (!node.IsNull()) read(node, fields, required);
}

std::map<std::string, std::vector<std::string>> read_synonyms(const YAML::Node& node) {
    std::map<std::string, std::vector<std::string>> out;
    if (!node.IsMap()) refuse(node, "expected a map: what customers say -> what the catalogue says");
    for (const auto& entry : node) {
        auto& words = out[text(entry.first)];
        if (entry.second.IsSequence()) {
            for (const auto& word : entry.second) words.push_back(text(word));
        } else {
            words.push_back(text(entry.second));
        }
    }
    return out;
}

PersonalKinds read_redact(const YAML::Node& node) {
    PersonalKinds kinds;
    if (!node.IsSequence())
        refuse(node, fmt::format("expected a list of {}", fmt::join(personal_kind_names(), ", ")));
    for (const auto& entry : node) {
        std::string name;
        one_of(name, personal_kind_names(), "kind")(entry);
        kinds.insert(*personal_kind(name));
    }
    return kinds;
}

ProductSpec read_product(const YAML::Node& node) {
    ProductSpec product;
    const auto attributes = [&](const YAML::Node& n) {
        if (!n.IsMap()) refuse(n, "expected a map");
        for (const auto& entry : n) product.attributes[text(entry.first)] = any_text(entry.second);
    };
    read(node,
         {{"sku", string(product.sku)},
          {"name", string(product.name)},
          {"description", string(product.description)},
          {"price", string(product.price)},
          {"currency", string(product.currency)},
          {"url", string(product.url)},
          {"attributes", attributes}},
         {"sku", "name"});
    return product;
}

void read_credentials(const YAML::Node& node, ShopSpec& shop) {
    if (!node.IsMap()) refuse(node, "expected a map: category -> name -> secret");
    for (const auto& category : node) {
        if (!category.second.IsMap()) refuse(category.second, "expected a map: name -> secret");
        if (text(category.first) == reserved_category) refuse(category.first, reserved_error().text);
        for (const auto& entry : category.second) {
            CredentialSpec credential{text(category.first), text(entry.first), {}};
            secret(credential.value)(entry.second);
            shop.credentials.push_back(std::move(credential));
        }
    }
}

WhatsappSpec::Number read_number(const YAML::Node& node) {
    WhatsappSpec::Number number;
    read(node,
         {{"phone_number_id", [&](const auto& n) { number.phone_number_id = text(n); }},
          {"display", string(number.display)}},
         {"phone_number_id"});
    return number;
}

WhatsappSpec read_whatsapp(const YAML::Node& node) {
    WhatsappSpec whatsapp;
    WhatsappSpec::Number only;
    const auto numbers = [&](const YAML::Node& n) {
        if (!n.IsSequence()) refuse(n, "expected a list of numbers");
        for (const auto& number : n) whatsapp.numbers.push_back(read_number(number));
    };
    read(node, {{"phone_number_id", [&](const auto& n) { only.phone_number_id = text(n); }},
                {"display", string(only.display)},
                {"numbers", numbers},
                {"app_of", string(whatsapp.app_of)},
                {"app_secret", secret(whatsapp.app_secret)},
                {"verify_token", secret(whatsapp.verify_token)},
                {"access_token", secret(whatsapp.access_token)}});
    if (only.phone_number_id.empty() == whatsapp.numbers.empty()) {
        refuse(node, "expected either phone_number_id or numbers, a list of such");
    }
    if (whatsapp.numbers.empty()) whatsapp.numbers.push_back(only);
    if (!whatsapp.app_of.empty() && !(whatsapp.app_secret.empty() && whatsapp.verify_token.empty())) {
        refuse(node, "app_secret and verify_token stand in the file of the shop that app_of names");
    }
    return whatsapp;
}

std::vector<ProductSpec> read_catalogue(const YAML::Node& node) {
    if (!node.IsSequence()) refuse(node, "expected a list of products");
    std::vector<ProductSpec> products;
    std::set<std::string> skus;
    for (const auto& product : node) {
        products.push_back(read_product(product));
        const std::string& sku = products.back().sku;
        if (!skus.insert(sku).second) refuse(product["sku"], "the sku '" + sku + "' is there twice");
    }
    return products;
}

// As the table of tenants wants it.
bool is_slug(std::string_view slug) {
    return !slug.empty() && slug.size() <= 63 && slug.front() != '-' &&
           slug.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

AgentSpec template_of(const YAML::Node& node, const TemplateSource& source) {
    std::vector<AgentTemplate> templates;
    if (source) templates = source();
    Names known;
    for (const auto& it : templates) known.push_back(it.name);
    std::string name;
    one_of(name, known, "template")(node);
    return std::ranges::find(templates, name, &AgentTemplate::name)->settings;
}

// Its template is read before what is stated in the place of it, and states all the rest.
void read_agent(const YAML::Node& node, const AgentMeans& means, const TemplateSource& templates,
                ShopSpec& shop) {
    Fields fields = agent_fields(shop.agent, means);
    fields["template"] = [](const YAML::Node&) {};
    Mistakes mistakes;
    gather(mistakes, [&] {
        if (!node.IsMap() || !node["template"]) return;
        shop.agent = template_of(node["template"], templates);
        shop.agent_states.reset();
    });
    gather(mistakes, [&] { read(node, fields); });
    if (!mistakes.all.empty()) throw mistakes;
    for (const auto& entry : node) {
        const std::string key = text(entry.first);
        state_of_agent(shop, key == "tools" ? "enabled_tools" : key);
    }
}

TelegramSpec read_telegram(const YAML::Node& node) {
    TelegramSpec bot;
    read(node,
         {{"bot_id", string(bot.bot_id)},
          {"secret_token", secret(bot.secret_token)},
          {"bot_token", secret(bot.bot_token)}},
         {"bot_id"});
    // the token itself is not shown
    if (!bot.bot_token.empty() && !bot.bot_token.reveal().starts_with(bot.bot_id + ":")) {
        refuse(node["bot_id"],
               "bot_token is not that of bot " + bot.bot_id +
                   ": bot_id is the number that stands before the token's ':'; check which of them is wrong");
    }
    return bot;
}

ShopSpec read_shop(const YAML::Node& root, const AgentMeans& means, const TemplateSource& templates) {
    ShopSpec shop;
    shop.agent_states.emplace();
    std::optional<std::string> prompt;
    std::optional<std::string> disclosure;
    read(root,
         {{"slug",
           [&](const auto& n) {
               shop.slug = text(n);
               if (!is_slug(shop.slug))
                   refuse(n, "expected up to 63 lower-case letters, digits and hyphens, as my-shop");
           }},
          {"name", string(shop.name)},
          {"language", string(shop.language)},
          {"prompt", [&](const auto& n) { prompt_text(prompt.emplace())(n); }},
          {"disclosure", [&](const auto& n) { string(disclosure.emplace())(n); }},
          {"fallback_text",
           [&](const auto& n) {
               shop.fallback_text = any_text(n);
               if (characters_of(shop.fallback_text) > most_sentence_characters)
                   refuse(n, fmt::format("expected at most {} characters", most_sentence_characters));
           }},
          {"time_zone", string(shop.time_zone)},
          {"keep_days",
           [&](const auto& n) {
               shop.keep_days.emplace();  // null: for ever
               if (!n.IsNull()) shop.keep_days->emplace(number<int>(n, least_kept_days, most_kept_days));
           }},
          {"synonyms", [&](const auto& n) { shop.synonyms = read_synonyms(n); }},
          {"redact", [&](const auto& n) { shop.redact = read_redact(n); }},
          {"agent", [&](const auto& n) { read_agent(n, means, templates, shop); }},
          {"web",
           [&](const auto& n) {
               shop.web.emplace();
               read_optional(n, {{"key", string(shop.web->key)}});
           }},
          {"whatsapp", [&](const auto& n) { shop.whatsapp = read_whatsapp(n); }},
          {"telegram", [&](const auto& n) { shop.telegram = read_telegram(n); }},
          {"credentials", [&](const auto& n) { read_credentials(n, shop); }},
          {"catalogue", [&](const auto& n) { shop.catalogue = read_catalogue(n); }}},
         {"slug"});
    if (prompt) {
        shop.agent.prompt = std::move(*prompt);
        state_of_agent(shop, "prompt");
    }
    if (disclosure) {
        shop.agent.disclosure = std::move(*disclosure);
        state_of_agent(shop, "disclosure");
    }
    return shop;
}

}  // namespace

void state_of_agent(ShopSpec& shop, const std::string& name) {
    if (shop.agent_states) shop.agent_states->insert(name);
}

bool is_web_address(std::string_view text) {
    constexpr std::string_view schemes[] = {"https://", "http://"};
    const auto scheme = std::ranges::find_if(schemes, [&](auto it) { return text.starts_with(it); });
    if (scheme == std::end(schemes)) return false;
    const auto place = text.substr(scheme->size());
    const auto authority = place.substr(0, place.find_first_of("/?#"));
    return !authority.empty() && authority.front() != ':' &&
           authority.find('@') == authority.npos &&  // a password there would go into logs
           std::ranges::all_of(text, [](unsigned char c) { return c > ' ' && c < 0x7f; });
}

Result<ShopSpec> load_shop(const std::filesystem::path& file, const AgentMeans& means,
                           const TemplateSource& templates) {
    return load<ShopSpec>(file, "shop.invalid",
                          [&](const YAML::Node& root) { return read_shop(root, means, templates); });
}

}  // namespace relevo
