// Usage, budgets and prices as the API reads and sets them.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "domain/request_stores.hpp"
#include "postgres/money_book.hpp"
#include "postgres/request_stores.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct BillingBench : Fixture {
    BillingBench() {
        money->apply_prices({"USD", {{"sim", "", "small", {}, {}, 1'000'000, 500'000, 2'000'000}}});
    }
    // A turn's call and answer: 1 for each token in, 2 for each token out.
    TurnId spend(const std::string& name, const std::string& model, Usage usage, SysTime when) {
        const TurnId turn = claim(store("event" + name, "hola", when, "549110" + name), when);
        run(retrieve->freeze_step(ballet, turn, {}, when));
        REQUIRE(
            run(infer->reserve_call(ballet, turn, 0, {"sim", "", model, false, 1'000, 1'000}, when)).state ==
            CallReservation::State::granted);
        Completion completion;
        completion.usage = usage;
        completion.text = "sí";
        completion.provider = "sim";
        run(infer->commit_answer(ballet, turn, 0, completion, {"sí"}, when));
        return turn;
    }
    std::vector<UsageRow> usage(UsageQuery query) { return run(billing.usage(ballet, std::move(query))); }
    std::int64_t agent() const {
        return std::stoll(test.query("SELECT id FROM agents WHERE tenant_id = " + ballet.to_string()));
    }

    std::unique_ptr<MoneyBook> money = make_money_book({test.app_url(), 1});
    std::unique_ptr<RequestBook> book = make_request_book(database, masters, "the installation");
    std::unique_ptr<RequestStores> stores = book->begin(std::nullopt);
    BillingStore& billing = stores->billing();
    Actor olga{"user", "olga", "Olga", "trace-1", Permissions::all()};
};

std::string code_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const Failure& failure) {
        return failure.error().code;
    }
    return {};
}

}  // namespace

TEST_CASE("usage is summed up by what is asked for, of the shop alone, in the span alone") {
    BillingBench it;
    const TurnId turn = it.spend("1", "small", {100, 10, true}, at(0));
    it.spend("2", "small", {50, 5, true}, at(10));
    it.spend("3", "strange", {7, 7, true}, at(86'400));
    const auto of_turn = it.usage({.by = "turn"});
    REQUIRE(of_turn.size() == 3);
    const auto found =
        std::ranges::find(of_turn, turn.to_string(), [](const UsageRow& row) { return row.line.key; });
    REQUIRE(found != of_turn.end());
    CHECK(found->line.cost.micros == std::map<std::string, std::int64_t>{{"USD", 120}});
    CHECK(it.usage({.by = "conversation"}).size() == 3);
    CHECK(it.usage({.by = "model"}).size() == 2);
    CHECK(it.usage({.by = "day"}).size() == 2);
    const auto by_agent = it.usage({.by = "agent"});
    REQUIRE(by_agent.size() == 1);
    CHECK(by_agent.front().line.key == std::to_string(it.agent()));
    CHECK(by_agent.front().name == "Asistente");
    const auto whole = it.usage({.by = "shop"});
    REQUIRE(whole.size() == 1);
    CHECK(whole.front().line.calls == 3);
    CHECK(whole.front().line.input_tokens == 157);
    CHECK(whole.front().line.cost.micros == std::map<std::string, std::int64_t>{{"USD", 180}});
    CHECK(whole.front().line.cost.unpriced == 1);
    const auto span = it.usage({.by = "shop", .since = at(10), .until = at(86'400)});
    REQUIRE(span.size() == 1);
    CHECK(span.front().line.calls == 1);
    CHECK(it.usage({.by = "shop", .agent = it.agent()}).front().line.calls == 3);
    CHECK(it.usage({.by = "shop", .agent = it.agent() + 1'000}).empty());
    CHECK(run(it.billing.usage(it.other, {.by = "turn"})).empty());
    const auto conversation = ConversationId::parse(
        it.test.query("SELECT conversation_id FROM turns WHERE id = '" + turn.to_string() + "'"));
    const auto of_one = it.usage({.by = "turn", .conversation = conversation});
    REQUIRE(of_one.size() == 1);
    CHECK(of_one.front().line.key == turn.to_string());
}

TEST_CASE("pages of usage hold each line once, and what they sum up is what the ledger has") {
    BillingBench it;
    for (int n = 0; n < 9; ++n) it.spend(std::to_string(n), "small", {n * 7, n * 3, true}, at(n));
    std::vector<std::string> seen;
    std::int64_t sum = 0;
    UsageQuery query{.by = "turn", .limit = 2};
    for (;;) {
        const auto page = it.usage(query);
        if (page.empty()) break;
        for (const auto& row : page) {
            seen.push_back(row.line.key);
            sum += row.line.cost.micros.at("USD");
        }
        query.after = seen.back();
    }
    CHECK(seen.size() == 9);
    CHECK(std::ranges::is_sorted(seen));
    CHECK(std::to_string(sum) == it.test.query("SELECT sum(cost) FROM model_calls"));
}

TEST_CASE("a page of turns or of conversations reads the calls that it tells of, however long the span is") {
    BillingBench it;
    it.test.query(fmt::format(
        "INSERT INTO model_calls (tenant_id, turn_id, step, attempt, conversation_id, agent_id, provider, "
        "model, status, reserved_at, expires_at, cost) SELECT s.tenant, md5(s.tenant || 't' || n / 2)::uuid, "
        "n % 2, 1, md5(s.tenant || 'c' || n / 10)::uuid, {2}, 'sim', 'small', 'settled', "
        "'2026-01-01'::timestamptz + n * interval '1 minute', '2026-01-02', 1 "
        "FROM (VALUES ({0}), ({1})) AS s(tenant), generate_series(0, 9999) AS n",
        it.ballet.value, it.other.value, it.agent()));
    it.test.query("VACUUM ANALYZE model_calls");
    const auto rows_read = [&](const std::string& request) {
        return std::stoll(it.test.query(fmt::format(
            "SET ROLE relevo_app; SET app.tenant_id = {}; SELECT op_list_usage('{}'); SELECT seq_tup_read + "
            "idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'model_calls'",
            it.ballet.value, request)));
    };
    constexpr auto after = R"("limit": 11, "after": "80000000-0000-0000-0000-000000000000"})";
    CHECK(rows_read(std::string(R"({"by": "turn", )") + after) < 200);
    CHECK(rows_read(std::string(R"({"by": "conversation", )") + after) < 500);
    CHECK(rows_read(std::string(R"({"by": "model", )") + after) >= 10'000);
    // who asks for all of them gets each once
    std::size_t lines = 0;
    UsageQuery query{.by = "conversation", .until = at(0), .limit = 300};
    for (auto page = it.usage(query); !page.empty(); page = it.usage(query)) {
        lines += page.size();
        query.after = page.back().line.key;
    }
    CHECK(lines == 1'000);
}

TEST_CASE("a budget is set for the shop or an agent of it, read with what is spent, and removed") {
    BillingBench it;
    const BudgetName shop{std::nullopt, "month"};
    const BudgetName agent{it.agent(), "day"};
    CHECK(run(it.billing.put_budget(it.ballet, shop, {"USD", 1'000'000, {}}, at(0), it.olga)));
    CHECK(run(it.billing.put_budget(it.ballet, agent, {"USD", {}, 100}, at(0), it.olga)));
    CHECK_FALSE(run(it.billing.put_budget(it.other, agent, {"USD", 1, {}}, at(0), it.olga)));
    it.spend("1", "small", {100, 10, true}, at(1));
    const auto rows = run(it.billing.budgets(it.ballet, at(2)));
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].name == shop);
    CHECK(rows[0].line.budget.hard == 1'000'000);
    CHECK(rows[0].line.spent == 120);
    CHECK(rows[1].name == agent);
    CHECK(rows[1].line.budget.agent == "Asistente");
    CHECK(rows[1].line.budget.soft == 100);
    CHECK(rows[1].line.events == std::map<std::string, std::int64_t>{{"soft", 1}});
    CHECK(run(it.billing.budgets(it.other, at(2))).empty());
    const auto& unpriced = rows[0].line.unpriced;  // the shop's agent asks another provider's model
    REQUIRE(unpriced.size() == 1);
    CHECK(unpriced.front().provider != "sim");
    CHECK(rows[1].line.unpriced.empty());
    const auto limits = run(it.billing.limits(it.ballet, agent));
    REQUIRE(limits);
    CHECK(limits->soft == 100);
    CHECK_FALSE(limits->hard);
    CHECK_FALSE(run(it.billing.limits(it.other, agent)));
    CHECK_FALSE(run(it.billing.remove_budget(it.other, agent, it.olga)));
    CHECK(run(it.billing.remove_budget(it.ballet, agent, it.olga)));
    CHECK_FALSE(run(it.billing.remove_budget(it.ballet, agent, it.olga)));
    CHECK(run(it.billing.budgets(it.ballet, at(2))).size() == 1);
}

TEST_CASE("who set a budget is noted, and what calls count up is not") {
    BillingBench it;
    const BudgetName shop{std::nullopt, "month"};
    run(it.billing.put_budget(it.ballet, shop, {"USD", 1'000'000, {}}, at(0), it.olga));
    it.spend("1", "small", {100, 10, true}, at(1));
    run(it.billing.put_budget(it.ballet, shop, {"USD", 2'000'000, {}}, at(2), it.olga));
    run(it.billing.put_budget(it.ballet, shop, {"USD", 2'000'000, {}}, at(3), it.olga));
    run(it.billing.remove_budget(it.ballet, shop, it.olga));
    CHECK(it.test.query("SELECT actor_id, action, before ->> 'hard', after ->> 'hard' FROM audit_log "
                        "WHERE action LIKE 'budget.%' ORDER BY id") ==
          "olga|budget.add||1000000\nolga|budget.change|1000000|2000000\nolga|budget.remove|2000000|");
}

TEST_CASE(
    "a budget's change that is based on other limits is refused, on what was spent meanwhile it is not") {
    BillingBench it;
    const BudgetName shop{std::nullopt, "month"};
    run(it.billing.put_budget(it.ballet, shop, {"USD", 1'000'000, {}}, at(0), it.olga));
    const auto change = [&](const std::function<void()>& meanwhile) {
        const auto request = it.book->begin(std::nullopt);
        request->hold();
        run(request->billing().limits(it.ballet, shop));
        meanwhile();
        return code_of([&] {
            run(request->billing().put_budget(it.ballet, shop, {"USD", 5, {}}, at(9), it.olga));
        });
    };
    CHECK(change([&] {
              run(it.billing.put_budget(it.ballet, shop, {"USD", 2'000'000, {}}, at(1), it.olga));
          }) == "request.changed");
    CHECK(change([&] { it.spend("1", "small", {100, 10, true}, at(2)); }).empty());
    CHECK(run(it.billing.limits(it.ballet, shop))->hard == 5);
}

TEST_CASE("prices are stated as a whole, and the log has those that went and those that came") {
    BillingBench it;
    const Price kept{"sim", "", "small", {}, {}, 1'000'000, 500'000, 2'000'000};
    const Price dearer{"sim", "https://b/v1", "big*", at(0), at(90), 2, 1, 3};
    run(it.billing.put_prices({"USD", {kept, dearer}}, it.olga));
    const auto prices = run(it.billing.prices());
    CHECK(prices.currency == "USD");
    REQUIRE(prices.prices.size() == 2);
    CHECK(std::ranges::count(prices.prices, dearer) == 1);
    run(it.billing.put_prices({"USD", {kept, dearer}}, it.olga));
    CHECK(it.test.query("SELECT actor_id, before, after #>> '{0,model}', jsonb_array_length(after) FROM "
                        "audit_log WHERE action = 'prices.change' ORDER BY id DESC LIMIT 1") ==
          "olga|[]|big*|1");
    CHECK(it.test.query("SELECT count(*) FROM audit_log WHERE action = 'prices.change' AND actor_id = "
                        "'olga' AND tenant_id IS NULL") == "1");
}

TEST_CASE("of two who state prices from one reading, one does") {
    BillingBench it;
    const auto state = [&](std::int64_t input) -> Task<bool> {
        const auto request = it.book->begin(std::nullopt);
        request->hold();
        auto read = request->billing().prices();
        const auto was = co_await std::move(read);
        PriceList wanted{"USD", {{"sim", "", "m" + std::to_string(input), {}, {}, input, input, input}}};
        try {
            auto done = request->billing().put_prices(std::move(wanted), it.olga);
            co_await std::move(done);
            co_return true;
        } catch (const Failure& failure) {
            CHECK(failure.error().code == "request.changed");
            co_return false;
        }
    };
    for (int round = 0; round < 10; ++round) {
        std::vector<Task<bool>> tasks;
        for (int n = 0; n < 3; ++n) tasks.push_back(state(1 + round * 3 + n));
        const auto done = run_all(std::move(tasks));
        CHECK(std::ranges::count(done, true) >= 1);
        CHECK(it.test.query("SELECT count(*) FROM prices") == "1");
    }
}
