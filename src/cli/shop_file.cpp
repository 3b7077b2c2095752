#include "cli/shop_file.hpp"

#include <fstream>
#include <sstream>

#include "runtime/yaml_fields.hpp"

namespace relevo {
namespace {

using namespace yaml;

std::function<void(const YAML::Node&)> string(std::string& out) {
    return [&out](const YAML::Node& node) { out = any_text(node); };
}

std::function<void(const YAML::Node&)> integer(int& out, int least, int most) {
    return [&out, least, most](const YAML::Node& node) { out = number<int>(node, least, most); };
}

std::string read_secret_file(const YAML::Node& node) {
    const std::string file = text(node);
    std::ifstream in(file);
    if (!in) refuse(node, file + " cannot be read");
    std::stringstream content;
    content << in.rdbuf();
    std::string value = content.str();
    value.erase(value.find_last_not_of(" \r\n\t") + 1);
    if (value.empty()) refuse(node, "the file is empty");
    return value;
}

std::function<void(const YAML::Node&)> secret(Secret& out) {
    return [&out](const YAML::Node& node) {
        if (node.IsScalar()) {
            out = Secret(node.Scalar());
            return;
        }
        read(node, {{"file", [&](const auto& n) { out = Secret(read_secret_file(n)); }}}, {"file"});
    };
}

// An empty map may be written as nothing at all: "web:".
void read_optional(const YAML::Node& node, const Fields& fields, const std::set<std::string>& required = {}) {
    if (!node.IsNull()) read(node, fields, required);
}

AgentSpec read_agent(const YAML::Node& node) {
    AgentSpec agent;
    read(node, {{"name", string(agent.name)},
                {"role", string(agent.role)},
                {"provider", string(agent.provider)},
                {"base_url", string(agent.base_url)},
                {"model", string(agent.model)},
                {"temperature", [&](const auto& n) { agent.temperature = number<double>(n, 0, 2); }},
                {"max_output_tokens", integer(agent.max_output_tokens, 1, 100'000)},
                {"quiet_ms", integer(agent.quiet_ms, 0, 120'000)},
                {"max_wait_ms", integer(agent.max_wait_ms, 0, 120'000)},
                {"max_messages", integer(agent.max_messages, 1, 1'000)}});
    return agent;
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

ShopSpec read_shop(const YAML::Node& root) {
    ShopSpec shop;
    std::string prompt;
    std::string disclosure;
    read(root,
         {{"slug", string(shop.slug)},
          {"name", string(shop.name)},
          {"language", string(shop.language)},
          {"prompt", string(prompt)},
          {"disclosure", string(disclosure)},
          {"fallback_text", string(shop.fallback_text)},
          {"synonyms", [&](const auto& n) { shop.synonyms = read_synonyms(n); }},
          {"agent", [&](const auto& n) { shop.agent = read_agent(n); }},
          {"web",
           [&](const auto& n) {
               shop.web.emplace();
               read_optional(n, {{"key", string(shop.web->key)}});
           }},
          {"whatsapp", [&](const auto& n) { shop.whatsapp = read_whatsapp(n); }},
          {"telegram",
           [&](const auto& n) {
               auto& it = shop.telegram.emplace();
               read(n,
                    {{"bot_id", string(it.bot_id)},
                     {"secret_token", secret(it.secret_token)},
                     {"bot_token", secret(it.bot_token)}},
                    {"bot_id"});
           }},
          {"credentials", [&](const auto& n) { read_credentials(n, shop); }},
          {"catalogue",
           [&](const auto& n) {
               if (!n.IsSequence()) refuse(n, "expected a list of products");
               for (const auto& product : n) shop.catalogue.push_back(read_product(product));
           }}},
         {"slug", "name"});
    shop.agent.prompt = std::move(prompt);
    shop.agent.disclosure = std::move(disclosure);
    return shop;
}

}  // namespace

Result<ShopSpec> load_shop(const std::filesystem::path& file) {
    return load<ShopSpec>(file, "shop.invalid", read_shop);
}

}  // namespace relevo
