#include "cli/shop_file.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <fstream>
#include <set>

using namespace relevo;

namespace {

Result<ShopSpec> load_text(const std::string& whatsapp) {
    const auto file =
        std::filesystem::temp_directory_path() / ("relevo_shop_" + std::to_string(::getpid()) + ".yaml");
    std::ofstream(file) << "slug: pointe\nname: Pointe\nwhatsapp:\n" << whatsapp;
    auto shop = load_shop(file, {{{"offline", ""}, {"openai", "openai"}}});
    std::filesystem::remove(file);
    return shop;
}

std::string refusal(const std::string& whatsapp) {
    const auto shop = load_text(whatsapp);
    REQUIRE_FALSE(shop.has_value());
    CHECK(shop.error().code == "shop.invalid");
    return shop.error().text;
}

}  // namespace

TEST_CASE("a shop has one WhatsApp number or a list of them") {
    const auto one = load_text("  phone_number_id: \"1001\"\n  display: \"+54 9 11\"\n");
    REQUIRE(one.has_value());
    REQUIRE(one->whatsapp->numbers.size() == 1);
    CHECK(one->whatsapp->numbers[0].phone_number_id == "1001");
    CHECK(one->whatsapp->numbers[0].display == "+54 9 11");
    const auto two = load_text(
        "  app_secret: s\n  numbers:\n    - {phone_number_id: \"1001\", display: uno}\n"
        "    - {phone_number_id: \"1002\"}\n");
    REQUIRE(two.has_value());
    REQUIRE(two->whatsapp->numbers.size() == 2);
    CHECK(two->whatsapp->numbers[0].display == "uno");
    CHECK(two->whatsapp->numbers[1].phone_number_id == "1002");
    CHECK(two->whatsapp->app_secret.reveal() == "s");
}

TEST_CASE(
    "a shop says for how many days it keeps conversations, and at least as long as they may come again") {
    CHECK_FALSE(load_text("  phone_number_id: \"1\"\n")->keep_days);
    CHECK(load_text("  phone_number_id: \"1\"\nkeep_days: 90\n")->keep_days.value() == 90);
    const auto for_ever = load_text("  phone_number_id: \"1\"\nkeep_days: null\n")->keep_days;
    REQUIRE(for_ever);
    CHECK_FALSE(*for_ever);
    CHECK(refusal("  phone_number_id: \"1\"\nkeep_days: 7\n").find(":5:12: ") != std::string::npos);
}

TEST_CASE("a sentence that no channel carries in one message is refused with its line") {
    const std::string fits(2'000, 'x');
    const std::string accented = fits.substr(1) + "ñ";
    const std::string number = "  phone_number_id: \"1\"\nfallback_text: ";
    CHECK(load_text(number + accented + "\n")->fallback_text == accented);
    CHECK(load_text(number + "\"\"\n")->fallback_text.empty());
    CHECK(refusal(number + fits + "ñ\n").find(":5:16: expected at most 2000 characters") !=
          std::string::npos);
}

TEST_CASE("a WhatsApp section without a number, or with both ways to write it, is refused with its line") {
    CHECK(refusal("  access_token: t\n").find(":4:") != std::string::npos);
    CHECK(refusal("  numbers: []\n").find("phone_number_id") != std::string::npos);
    CHECK(refusal("  phone_number_id: \"1\"\n  numbers: [{phone_number_id: \"2\"}]\n").find("either") !=
          std::string::npos);
    CHECK(refusal("  numbers: [{display: uno}]\n").find("'phone_number_id' is missing") != std::string::npos);
}

TEST_CASE("a shop under another's app states no secret of that app") {
    const auto guest = load_text("  phone_number_id: \"1\"\n  app_of: tueste\n  access_token: t\n");
    REQUIRE(guest.has_value());
    CHECK(guest->whatsapp->app_of == "tueste");
    CHECK(refusal("  phone_number_id: \"1\"\n  app_of: tueste\n  app_secret: s\n").find("app_of") !=
          std::string::npos);
}

TEST_CASE("a shop's file states nothing in the vault's category that is the product's own") {
    const auto text = refusal("  phone_number_id: \"1001\"\ncredentials: {relevo: {ERASURE_KEY: \"0\"}}\n");
    CHECK(text.find("'relevo' is the product's own") != std::string::npos);
}

TEST_CASE("an agent has fallback models in their order, and says what follows when none answers") {
    const auto shop = load_text(
        "  phone_number_id: \"1001\"\nagent:\n  provider: openai\n  on_failure: handoff\n  fallbacks:\n"
        "    - {provider: openai, base_url: \"https://b\", model: small, credentials: other}\n"
        "    - {provider: offline}\n");
    REQUIRE(shop.has_value());
    REQUIRE(shop->agent.fallbacks.size() == 2);
    CHECK(shop->agent.fallbacks[0].credentials == "other");
    CHECK(shop->agent.fallbacks[1].provider == "offline");
    CHECK(shop->agent.hands_off);
}

TEST_CASE("a shop's agent has hours, a pace and tools, and no channels: it answers all of the shop's") {
    const auto shop = load_text(
        "  phone_number_id: \"1001\"\nagent:\n  spacing_ms: 1500\n  tools: [search_products]\n"
        "  hours: {fri: \"09:00-18:00\"}\n  on_closed: handoff\n  closed_text: Cerrado.\n");
    REQUIRE(shop.has_value());
    CHECK(shop->agent.spacing_ms == 1'500);
    CHECK(shop->agent.tools == std::vector<std::string>{"search_products"});
    CHECK(open_hours_text(shop->agent.hours) == "fri 09:00-18:00");
    CHECK(shop->agent.closed_hands_off);
    CHECK_FALSE(shop->agent.hands_off);
    CHECK(refusal("  phone_number_id: \"1001\"\nagent: {channels: [web]}\n").find("unknown key 'channels'") !=
          std::string::npos);
}

TEST_CASE("a provider that nobody knows is refused with its place and the ones that are known") {
    const std::string whatsapp = "  phone_number_id: \"1001\"\n";
    for (const auto* agent : {"agent: {provider: opnai}\n", "agent: {fallbacks: [{provider: opnai}]}\n"}) {
        const auto text = refusal(whatsapp + agent);
        CHECK(text.find(".yaml:5:") != std::string::npos);
        CHECK(text.find("'opnai' is no provider; known: offline, openai") != std::string::npos);
    }
    CHECK(refusal(whatsapp + "agent: {on_failure: silence}\n").find("sentence, handoff") !=
          std::string::npos);
}

TEST_CASE(
    "a slug that no address can have, and a product that is there twice, are refused with their lines") {
    const auto file =
        std::filesystem::temp_directory_path() / ("relevo_slug_" + std::to_string(::getpid()) + ".yaml");
    const auto refusal_of = [&](const std::string& slug, const std::string& rest) {
        std::ofstream(file) << "slug: \"" << slug << "\"\nname: Pointe\n" << rest;
        const auto shop = load_shop(file, {{{"offline", ""}}});
        std::filesystem::remove(file);
        return shop.has_value() ? std::string() : shop.error().text;
    };
    CHECK(refusal_of("pointe-2", "").empty());
    for (const std::string& slug : {std::string("Panes X"), std::string("-a"), std::string(64, 'a')}) {
        CAPTURE(slug);
        CHECK(refusal_of(slug, "").find(":1:7: expected up to 63 lower-case letters") != std::string::npos);
    }
    CHECK(refusal_of("pointe", "catalogue:\n  - {sku: A, name: uno}\n  - {sku: A, name: dos}\n")
              .find(":5:11: the sku 'A' is there twice") != std::string::npos);
}

TEST_CASE("a placeholder that nothing is filled in for is refused with its place and the known ones") {
    const std::string whatsapp = "  phone_number_id: \"1001\"\n";
    const auto text = refusal(whatsapp + "prompt: \"Sos de {STORE_NAME}: {NIX}, {\\\"a\\\": {X2}}\"\n");
    CHECK(text.find(".yaml:5:9: nothing is filled in for {NIX}, {X2}; known: {STORE_NAME}, ") !=
          std::string::npos);
    CHECK(load_text(whatsapp + "prompt: \"{STORE_NAME} {STORE_CATALOG_KNOWLEDGE} {json} {} {3} {A\"\n")
              .has_value());
}

TEST_CASE("an address that no model can have is refused with its place") {
    const std::string whatsapp = "  phone_number_id: \"1001\"\n";
    for (const std::string& url :
         {"api.example.com/v1", "ftp://api.example.com", "https://", "http:///v1", "https://:443/v1",
          "https://a b/v1", "https://me:secret@api.example.com"}) {
        CAPTURE(url);
        const auto text = refusal(whatsapp + "agent: {provider: openai, base_url: \"" + url + "\"}\n");
        CHECK(text.find(".yaml:5:37: expected a web address") != std::string::npos);
        CHECK(text.find("secret") == std::string::npos);
        CHECK(refusal(whatsapp + "agent:\n  fallbacks:\n    - provider: openai\n      base_url: \"" + url +
                      "\"\n")
                  .find(".yaml:8:17: ") != std::string::npos);
    }
    for (const std::string& url :
         {"", "https://api.example.com/v1", "http://127.0.0.1:8080", "http://[::1]:80/v1"}) {
        CAPTURE(url);
        CHECK(load_text(whatsapp + "agent: {provider: openai, base_url: \"" + url + "\"}\n").has_value());
    }
}

TEST_CASE("a shop says what it hides from models, or nothing of it") {
    const std::string whatsapp = "  phone_number_id: \"1001\"\n";
    CHECK_FALSE(load_text(whatsapp)->redact);
    CHECK(load_text(whatsapp + "redact: [card, national_id]\n")->redact ==
          PersonalKinds{PersonalKind::card, PersonalKind::national_id});
    CHECK(load_text(whatsapp + "redact: []\n")->redact == PersonalKinds{});
    CHECK(refusal(whatsapp + "redact: [passport]\n").find("'passport' is no kind; known: card, iban") !=
          std::string::npos);
    CHECK(refusal(whatsapp + "redact: card\n").find(":5:") != std::string::npos);
}

TEST_CASE("an agent begins as the template that its shop's file names, with what is stated in its place") {
    const auto file =
        std::filesystem::temp_directory_path() / ("relevo_template_" + std::to_string(::getpid()) + ".yaml");
    int asked = 0;
    const auto templates = [&] {
        ++asked;
        AgentTemplate support{"support", {}};
        support.settings.name = "Soporte";
        support.settings.prompt = "Resolvés.";
        support.settings.temperature = 0.5;
        support.settings.tools = {"rag_search"};
        return std::vector{support};
    };
    const auto load = [&](const std::string& rest) {
        std::ofstream(file) << "slug: pointe\nname: Pointe\n" << rest;
        auto shop = load_shop(file, {{{"offline", ""}}}, templates);
        std::filesystem::remove(file);
        return shop;
    };
    const auto begun = load("agent: {temperature: 0.2, template: support}\ndisclosure: Soy un programa.\n");
    REQUIRE(begun.has_value());
    CHECK(begun->agent.name == "Soporte");
    CHECK(begun->agent.prompt == "Resolvés.");
    CHECK(begun->agent.tools == std::vector<std::string>{"rag_search"});
    CHECK(begun->agent.temperature == 0.2);
    CHECK(begun->agent.disclosure == "Soy un programa.");
    CHECK_FALSE(begun->agent_states);  // all of it
    CHECK(load("agent: {template: support}\nprompt: \"Vendés.\"\n")->agent.prompt == "Vendés.");
    CHECK(asked == 2);
    CHECK(load("agent: {name: Ana}\n")->agent.prompt == "");
    CHECK(asked == 2);
    const auto unknown = load("agent: {temperature: 9, template: sails}\n");
    REQUIRE_FALSE(unknown.has_value());
    CHECK(unknown.error().text.find(":3:35: 'sails' is no template; known: support") != std::string::npos);
    CHECK(unknown.error().text.find("expected a number from 0 to 2") != std::string::npos);
}

TEST_CASE("a file states what is in it, and of its agent no more") {
    using Stated = std::set<std::string>;
    const auto file =
        std::filesystem::temp_directory_path() / ("relevo_part_" + std::to_string(::getpid()) + ".yaml");
    const auto load = [&](const std::string& rest) {
        std::ofstream(file) << "slug: pointe\n" << rest;
        auto shop = load_shop(file, {{{"offline", ""}}});
        std::filesystem::remove(file);
        return shop.value();
    };
    const ShopSpec nothing = load("");
    CHECK(nothing.name.empty());
    CHECK(nothing.agent_states == Stated{});
    CHECK_FALSE(nothing.catalogue);
    CHECK_FALSE(nothing.synonyms);
    CHECK_FALSE(nothing.redact);
    CHECK_FALSE(nothing.keep_days);
    CHECK(load("catalogue: []\n").catalogue->empty());
    CHECK(load("synonyms: {}\n").synonyms->empty());
    CHECK(load("prompt: Hola.\nagent: {model: small, tools: []}\n").agent_states ==
          Stated{"prompt", "model", "enabled_tools"});
    CHECK(load("agent: {spacing_ms: null}\n").agent_states == Stated{"spacing_ms"});
}

TEST_CASE("a bot's id is that of its token, which is not shown where they differ") {
    const auto file =
        std::filesystem::temp_directory_path() / ("relevo_bot_" + std::to_string(::getpid()) + ".yaml");
    const auto refusal_of = [&](const std::string& telegram) {
        std::ofstream(file) << "slug: pointe\ntelegram: {" << telegram << "}\n";
        const auto shop = load_shop(file, {{{"offline", ""}}});
        std::filesystem::remove(file);
        return shop.has_value() ? std::string() : shop.error().text;
    };
    CHECK(refusal_of(R"(bot_id: "77", bot_token: "77:canary")").empty());
    CHECK(refusal_of(R"(bot_id: "77")").empty());
    for (const auto* token : {"78:canary", "777:canary", "canary"}) {
        CAPTURE(token);
        const auto text = refusal_of(std::string(R"(bot_id: "77", bot_token: ")") + token + '"');
        CHECK(text.find(":2:20: bot_token is not that of bot 77") != std::string::npos);
        CHECK(text.find("canary") == std::string::npos);
    }
}
