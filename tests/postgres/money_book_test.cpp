#include "postgres/money_book.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "postgres/agents.hpp"
#include "postgres/shops.hpp"
#include "postgres/stored_turns.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct Bench : Fixture {
    Bench() { money->apply_prices({"USD", {{"sim", "", "small", {}, {}, 1'000'000, 500'000, 2'000'000}}}); }
    // A turn's call and answer.
    TurnId spend(const std::string& name, const std::string& model, Usage usage, SysTime when,
                 bool free = false) {
        const TurnId turn = claim(store("event" + name, "hola", when, "549110" + name), when);
        run(retrieve->freeze_step(ballet, turn, {}, when));
        const PlannedCall call{"sim", "", model, free, 1'000, 1'000};
        REQUIRE(run(infer->reserve_call(ballet, turn, 0, call, when)).state ==
                CallReservation::State::granted);
        Completion completion;
        completion.usage = usage;
        completion.text = "sí";
        completion.provider = "sim";
        run(infer->commit_answer(ballet, turn, 0, completion, {"sí"}, when));
        return turn;
    }
    std::unique_ptr<MoneyBook> money = make_money_book({test.app_url(), 1});
    std::unique_ptr<UsageBook> usage_book() {
        return make_usage_book({Secret(test.operator_url()), Secret(test.operator_text_url())});
    }
};

}  // namespace

TEST_CASE("applied prices are all that there are, and what was spent stays as it was") {
    Bench it;
    it.spend("1", "small", {100, 100, true}, at(0));
    const Price dearer{"sim", "https://b/v1", "big*", at(0), at(90), 2, 1, 3};
    it.money->apply_prices({"USD", {dearer}});
    const PriceList now = it.money->prices();
    CHECK(now.currency == "USD");
    REQUIRE(now.prices.size() == 1);
    CHECK(now.prices.front() == dearer);
    CHECK(it.test.query("SELECT cost FROM model_calls") == "300");
    it.money->apply_prices({"USD", {}});
    CHECK(it.money->prices().currency.empty());
}

TEST_CASE("usage is told by shop, agent, conversation, model and day, with what nobody knows") {
    Bench it;
    it.spend("1", "small", {100, 10, true, 50}, at(0));
    it.spend("2", "small", {100, 10, false}, at(1));
    it.spend("3", "strange", {7, 7, true}, at(86'400));
    it.spend("4", "free", {5, 5, true}, at(86'400), true);
    const auto all = it.usage_book()->usage({});
    REQUIRE(all.size() == 1);
    CHECK(all[0].shop == "ballet");
    CHECK(all[0].calls == 4);
    CHECK(all[0].input_tokens == 212);
    CHECK(all[0].cached_tokens == 50);
    CHECK(all[0].output_tokens == 32);
    CHECK(all[0].estimated == 1);
    CHECK(all[0].cost.micros == std::map<std::string, std::int64_t>{{"USD", 215}});
    CHECK(all[0].cost.unpriced == 1);
    CHECK(format_cost(all[0].cost) == "0.000215 USD and 1 calls not known");
    const auto by_model = it.usage_book()->usage({"ballet", std::nullopt, "model"});
    REQUIRE(by_model.size() == 3);
    CHECK(by_model[0].key == "sim free");
    CHECK(format_cost(by_model[0].cost) == "0.00");
    CHECK(by_model[2].key == "sim strange");
    CHECK(format_cost(by_model[2].cost) == "not known");
    CHECK(it.usage_book()->usage({"ballet", at(86'000), ""}).front().calls == 2);
    CHECK(it.usage_book()->usage({"", std::nullopt, "conversation"}).size() == 4);
    CHECK(it.usage_book()->usage({"", std::nullopt, "day"}).size() == 2);
    CHECK(it.usage_book()->usage({"", std::nullopt, "agent"}).front().key == "Asistente");
    CHECK(it.usage_book()->usage({"ferreteria", std::nullopt, ""}).empty());
    CHECK_THROWS_AS(it.usage_book()->usage({"nobody", std::nullopt, ""}), Failure);
}

TEST_CASE("a turn, a conversation, an agent and a shop have their cost") {
    Bench it;
    const TurnId turn = it.spend("1", "small", {100, 10, true}, at(0));
    it.spend("2", "small", {100, 20, true}, at(1));
    const std::string as_shop =
        "SET app.tenant_id = " + it.ballet.to_string() + "; SELECT currency, cost, calls FROM ";
    CHECK(it.test.query(as_shop + "turn_cost('" + turn.to_string() + "')") == "USD|120|1");
    CHECK(it.test.query(as_shop + "conversation_cost((SELECT conversation_id FROM turns WHERE id = '" +
                        turn.to_string() + "'))") == "USD|120|1");
    CHECK(it.test.query(as_shop +
                        "agent_cost((SELECT id FROM agents WHERE tenant_id = app_tenant()), '-infinity', "
                        "'infinity')") == "USD|260|2");
    CHECK(it.test.query(as_shop + "tenant_cost('-infinity', 'infinity')") == "USD|260|2");
}

TEST_CASE("a budget is set for a shop or an agent that there is, listed with what is spent, and removed") {
    Bench it;
    it.money->set_budget({"ballet", "", "month", "USD", 1'000'000, 200}, at(0));
    it.money->set_budget({"ballet", "Asistente", "day", "USD", 5'000, {}}, at(0));
    it.spend("1", "small", {100, 100, true}, at(0));
    const auto lines = it.usage_book()->budgets("", at(1));
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].budget.agent.empty());
    CHECK(lines[0].budget.hard == 1'000'000);
    CHECK(lines[0].spent == 300);
    CHECK(lines[0].events == std::map<std::string, std::int64_t>{{"soft", 1}});
    CHECK(lines[1].budget.agent == "Asistente");
    CHECK(lines[1].until - lines[1].from == Millis{86'400'000});
    // tomorrow, before anybody asked for anything
    CHECK(it.usage_book()->budgets("ballet", at(86'400))[1].spent == 0);
    CHECK(it.usage_book()->budgets("ferreteria", at(1)).empty());
    CHECK(it.money->remove_budget({"ballet", "Asistente", "day", "", {}, {}}));
    CHECK_FALSE(it.money->remove_budget({"ballet", "Asistente", "day", "", {}, {}}));
    CHECK_THROWS_AS(it.money->set_budget({"ballet", "Nadie", "day", "USD", 1, {}}, at(0)), Failure);
    CHECK_THROWS_AS(it.money->set_budget({"nobody", "", "day", "USD", 1, {}}, at(0)), Failure);
    CHECK(it.usage_book()->budgets("", at(1)).size() == 1);
}

TEST_CASE("a hard budget names what the agents that it counts ask, and what has no price in its currency") {
    Bench it;
    AgentSpec agent;
    agent.name = "Otra";
    agent.provider = "sim";
    agent.model = "small";
    agent.fallbacks = {{"sim", "https://b/v1/", "big", ""}, {"sim", "", "strange", ""}};
    run(draft_agent(it.database, it.ballet, agent));
    const auto unpriced_of = [&](std::string currency, std::optional<std::int64_t> hard) {
        return it.money->set_budget({"ballet", "Otra", "day", std::move(currency), hard, 1}, at(0));
    };
    CHECK(unpriced_of("USD", 5).empty());  // nothing of it is published yet
    run(publish_agent(it.database, it.ballet, agent, 0));
    const ModelName small{"sim", "", "small"};
    const ModelName strange{"sim", "", "strange"};
    const ModelName big{"sim", "https://b/v1", "big"};
    CHECK(unpriced_of("USD", 5) == std::vector{strange, big});
    CHECK(unpriced_of("EUR", 5) == std::vector{small, strange, big});
    CHECK(unpriced_of("USD", std::nullopt).empty());  // a soft limit keeps nothing from being asked
    it.money->apply_prices(
        {"USD",
         {{"sim", "", "s*", {}, {}, 1, 1, 1}, {"sim", "https://b/v1", "big", at(10), at(20), 1, 1, 1}}});
    CHECK(unpriced_of("USD", 5) == std::vector{big});
    const auto listed = [&](SysTime when) {
        const auto lines = it.usage_book()->budgets("ballet", when);
        REQUIRE(lines.size() == 1);
        return lines.front().unpriced;
    };
    CHECK(listed(at(9)) == std::vector{big});
    CHECK(listed(at(10)).empty());
    CHECK(listed(at(20)) == std::vector{big});
    it.money->set_budget({"ferreteria", "", "day", "USD", 5, {}}, at(0));
    const auto theirs = it.usage_book()->budgets("ferreteria", at(0)).front().unpriced;
    CHECK(std::ranges::count(theirs, big) == 0);
    const auto own = it.money->set_budget({"ballet", "Asistente", "day", "USD", 5, {}}, at(0));
    CHECK(std::ranges::count(own, big) == 0);
    const auto all = it.money->set_budget({"ballet", "", "day", "USD", 5, {}}, at(0));
    CHECK(std::ranges::count(all, big) == 1);
    it.test.query("UPDATE agents SET removed_at = now() WHERE name = 'Otra'");
    CHECK(it.money->set_budget({"ballet", "", "day", "USD", 5, {}}, at(0)) == own);
}

TEST_CASE("a replay knows what a stored turn cost, and what the same would cost now") {
    Bench it;
    const TurnId turn = it.spend("1", "small", {100, 10, true}, at(0));
    Database reading({it.test.operator_text_url(), 1});
    const auto stored = run(load_stored_turn(reading, it.ballet, turn, {}));
    CHECK(stored.cost.micros == std::map<std::string, std::int64_t>{{"USD", 120}});
    const PlannedCall call{"sim", "", "small", false, 0, 0};
    CHECK(format_cost(run(price_call(reading, call, {1'000, 0, true, 1'000}, at(0)))) == "0.0005 USD");
    CHECK(format_cost(run(price_call(reading, {"sim", "", "strange", false, 0, 0}, {1, 1, true}, at(0)))) ==
          "not known");
    CHECK(format_cost(run(price_call(reading, {"offline", "", "", true, 0, 0}, {1, 1, true}, at(0)))) ==
          "0.00");
}

TEST_CASE(
    "a shop's time zone is stated in its file, and one that nobody knows is refused before anything is "
    "made") {
    Fixture fixture;
    ShopSpec spec = ballet_spec();
    spec.time_zone = "America/Santiago";
    run(apply_shop(fixture.database, fixture.vault, spec, fixture.random));
    CHECK(fixture.test.query("SELECT time_zone FROM tenants WHERE slug = 'ballet'") == "America/Santiago");
    run(apply_shop(fixture.database, fixture.vault, ballet_spec(), fixture.random));
    CHECK(fixture.test.query("SELECT time_zone FROM tenants WHERE slug = 'ballet'") == "America/Santiago");
    ShopSpec unknown;
    unknown.slug = "nueva";
    unknown.name = "Nueva";
    unknown.time_zone = "Mars/Olympus";
    CHECK_THROWS_AS(run(apply_shop(fixture.database, fixture.vault, unknown, fixture.random)), Failure);
    CHECK(fixture.test.query("SELECT count(*) FROM tenants WHERE slug = 'nueva'") == "0");
}
