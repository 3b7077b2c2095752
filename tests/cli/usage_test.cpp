#include <doctest/doctest.h>

#include "tests/cli/terminal.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using Told = std::vector<std::string>;

struct FakeMoney final : MoneyBook {
    FakeMoney(PriceList& its_list, Told& its_told, const std::vector<ModelName>& its_unpriced)
        : list(its_list), told(its_told), unpriced(its_unpriced) {}
    void apply_prices(const PriceList& prices) override { list = prices; }
    PriceList prices() override { return list; }
    std::vector<ModelName> set_budget(const BudgetSpec& budget, SysTime) override {
        told.push_back("set " + budget.shop + " " + budget.agent + " " + budget.period + " " +
                       budget.currency + " " + std::to_string(budget.hard.value_or(-1)) + " " +
                       std::to_string(budget.soft.value_or(-1)));
        return unpriced;
    }
    bool remove_budget(const BudgetSpec& budget) override {
        told.push_back("remove " + budget.shop + " " + budget.period);
        return budget.shop == "pointe";
    }
    PriceList& list;
    Told& told;
    const std::vector<ModelName>& unpriced;
};

struct FakeUsage final : UsageBook {
    explicit FakeUsage(Told& its_told) : told(its_told) {}
    std::vector<UsageLine> usage(const UsageRequest& request) override {
        told.push_back("usage " + request.tenant + " " + request.by);
        UsageLine known{"pointe", "Ana", 12, 1, 1'234'567, 0, 890, 2, 1, {{{"USD", 1'250'000}}, 0}};
        UsageLine unknown{"tueste", "Eva", 3, 0, 10, 0, 10, 0, 0, {{{"USD", 0}}, 3}};
        return {known, unknown};
    }
    std::vector<BudgetLine> budgets(const std::string&, SysTime now) override {
        return {{{"pointe", "Ana", "month", "USD", 50'000'000, 40'000'000},
                 now,
                 now,
                 49'999'000,
                 500,
                 {{"soft", 1}, {"exhausted", 7}},
                 {{"offline", "", ""}, {"openai", "https://b/v1", "own"}}}};
    }
    Told& told;
};

struct Bench {
    Bench() {
        config =
            folder
                .write("relevo.yaml",
                       "kafka: {brokers: \"none:1\"}\npostgres: {url: \"none\"}\nredis: {url: \"none\"}\n"
                       "master_key_file: none\npipelines: none\nmigrations: none\nconsole: none\n")
                .string();
        backend.agent_means = [](const Config&) {
            return AgentMeans{{{"offline", ""}, {"openai", "openai"}}};
        };
        backend.now = [] { return from_millis(0); };
        backend.money = [this](const Config&) { return std::make_unique<FakeMoney>(prices, told, unpriced); };
        backend.usage = [this](const Config&) { return std::make_unique<FakeUsage>(told); };
    }
    Printed operator()(std::vector<std::string> words) {
        words.insert(words.begin(), {"--config", config});
        return run_relevo(words, backend);
    }
    Folder folder;
    std::string config;
    PriceList prices;
    std::vector<ModelName> unpriced;
    Told told;
    Backend backend;
};

}  // namespace

TEST_CASE("usage says what is spent, what nobody knows and what may have been billed besides") {
    Bench it;
    const auto text = it({"usage", "--by", "agent"}).out;
    CHECK(text.find("1.25 USD") != std::string::npos);
    CHECK(text.find("not known") != std::string::npos);
    CHECK(text.find("1,234,567") != std::string::npos);
    CHECK(text.find("in all: 1.25 USD and 3 calls not known") != std::string::npos);
    CHECK(text.find("of 2 calls the provider told no tokens") != std::string::npos);
    CHECK(text.find("of 1 calls nobody told the end") != std::string::npos);
    const auto json = it({"usage", "--by", "agent", "--tenant", "pointe", "--json"}).out;
    CHECK(json.find(R"("agent":"Ana")") != std::string::npos);
    CHECK(json.find(R"("calls":12,"failed_calls":1,)") != std::string::npos);
    CHECK(
        json.find(R"("cost":{"amounts":[{"currency":"USD","amount_micros":1250000}],"unpriced_calls":0})") !=
        std::string::npos);
    CHECK(json.find(R"("unpriced_calls":3})") != std::string::npos);
    CHECK(it.told == Told{"usage  agent", "usage pointe agent"});
    CHECK(it({"usage", "--by", "moon"}).code == 2);
}

TEST_CASE("prices of a file are applied and listed, and the change of a currency is told") {
    Bench it;
    const auto file = it.folder.write(
        "prices.yaml",
        "currency: USD\nprices:\n  - {provider: openai, model: m, input: 0.15, output: 0.6}\n");
    CHECK(it({"prices", "list"}).out.find("no prices") != std::string::npos);
    CHECK(it({"prices", "apply", file.string()}).out.find("1 prices, 0 of them as before; 0 gone") !=
          std::string::npos);
    CHECK(it({"prices", "apply", file.string()}).out.find("1 prices, 1 of them as before; 0 gone") !=
          std::string::npos);
    CHECK(it({"prices", "list"}).out.find("0.15") != std::string::npos);
    CHECK(it({"prices", "list", "--json"})
              .out.find(R"("items":[{"provider":"openai","model":"m","input_micros":150000)") !=
          std::string::npos);
}

TEST_CASE("a budget has a limit, in the prices' currency") {
    Bench it;
    CHECK(it({"budgets", "set", "pointe", "month", "--hard", "50"}).code == 1);  // no prices yet
    it.prices.currency = "USD";
    CHECK(it({"budgets", "set", "pointe", "month", "--hard", "50", "--soft", "0.25"}).code == 0);
    CHECK(it({"budgets", "set", "pointe", "day", "--agent", "Ana", "--soft", "1"}).code == 0);
    CHECK(it({"budgets", "set", "pointe", "month"}).code == 2);
    const auto crossed = it({"budgets", "set", "pointe", "month", "--hard", "50", "--soft", "50.01"});
    CHECK(crossed.code == 2);
    CHECK(crossed.err.find("--soft is above --hard") != std::string::npos);
    CHECK(it({"budgets", "set", "pointe", "month", "--hard", "much"}).code == 2);
    CHECK(it({"budgets", "set", "pointe", "year", "--hard", "1"}).code == 2);
    CHECK(it({"budgets", "remove", "pointe", "month"}).code == 0);
    CHECK(it({"budgets", "remove", "tueste", "month"}).code == 1);
    CHECK(it.told == Told{"set pointe  month USD 50000000 250000", "set pointe Ana day USD -1 1000000",
                          "remove pointe month", "remove tueste month"});
}

TEST_CASE("who sets a hard limit is told which models it keeps from being asked") {
    Bench it;
    it.prices.currency = "USD";
    it.unpriced = {{"offline", "", ""}, {"openai", "", "new"}, {"openai", "https://b/v1", "own"}};
    const auto set = it({"budgets", "set", "pointe", "month", "--hard", "50", "--json"});
    CHECK(set.code == 0);
    CHECK(
        set.err.find("warning: no price in USD is known of openai new, openai own at https://b/v1: under the "
                     "hard limit that will not be asked; state a price with relevo prices apply FILE") !=
        std::string::npos);
    CHECK(set.out.find(R"("hard_micros":50000000,"unpriced":[{"provider":"openai","model":"new"},)") !=
          std::string::npos);
    it.unpriced = {{"offline", "", ""}};
    CHECK(it({"budgets", "set", "pointe", "month", "--hard", "50"}).err.empty());
}

TEST_CASE("budgets are listed with what is spent and what was refused") {
    Bench it;
    const auto text = it({"budgets", "list"}).out;
    CHECK(text.find(
              "pointe Ana month: 49.999 USD spent and 0.0005 reserved, hard limit 50.00, soft limit 40.00") !=
          std::string::npos);
    CHECK(text.find("the soft limit is reached") != std::string::npos);
    CHECK(text.find("7 calls were refused: it had no room for them") != std::string::npos);
    CHECK(text.find("no price in USD is known of openai own at https://b/v1") != std::string::npos);
    const auto json = it({"budgets", "list", "--json"}).out;
    CHECK(json.find(R"("hard_micros":50000000,"soft_micros":40000000)") != std::string::npos);
    CHECK(json.find(R"("soft_reached":true,"refused_calls":7,"unpriced_calls":0)") != std::string::npos);
    CHECK(json.find(R"("unpriced":[{"provider":"openai","base_url":"https://b/v1","model":"own"}])") !=
          std::string::npos);
}
