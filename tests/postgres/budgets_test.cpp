#include <doctest/doctest.h>
#include <fmt/format.h>

#include <future>
#include <thread>

#include "core/json_object.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using State = CallReservation::State;

// Every token in costs 1.
struct Money : Fixture {
    Money() : Fixture(4) {
        test.query(
            "INSERT INTO prices (provider, model, valid_from, currency, input, cached_input, output) VALUES "
            "('sim', '*', 'epoch', 'USD', 1000000, 1000000, 1000000) RETURNING 1");
    }
    void set_budget(std::int64_t hard) {
        const std::string request = JsonObject()
                                        .text("period", "day")
                                        .text("currency", "USD")
                                        .number("hard", hard)
                                        .time("now", at(0))
                                        .str();
        run(database.call("set_budget", ballet, request));
    }
    // A turn of another conversation each.
    std::vector<TurnId> turns(int count) {
        std::vector<TurnId> made;
        for (int n = 0; n < count; ++n) {
            const std::string name = std::to_string(n);
            made.push_back(claim(store("event" + name, "hola", at(0), "549110" + name), at(0)));
        }
        return made;
    }
    static PlannedCall call(std::int64_t tokens) { return {"sim", "", "any", false, tokens, 0}; }
};

// One worker: reserves, calls, settles; waits for who is before it.
Task<bool> ask(InferStore& store, TenantId tenant, TurnId turn, std::int64_t most, std::int64_t took) {
    for (;;) {
        const auto reservation = co_await store.reserve_call(tenant, turn, 0, Money::call(most), at(1));
        if (reservation.state == State::refused) co_return false;
        if (reservation.state == State::wait) continue;
        Completion completion;
        completion.usage = {took, 0, true};
        co_await store.commit_answer(tenant, turn, 0, std::move(completion), {"sí"}, at(1));
        co_return true;
    }
}

}  // namespace

TEST_CASE(
    "64 workers race for the last cent: it is never overdrawn, and nobody is refused while money is left") {
    Money it;
    constexpr int processes = 4, workers = 16;
    constexpr std::int64_t most = 1'000, took = 300, answers = 37;
    it.set_budget(took * (answers - 1) + most);
    it.test.query("ALTER TABLE budgets ADD CHECK (spent + reserved <= hard)");  // at no moment
    const auto turns = it.turns(processes * workers);
    std::vector<std::future<int>> answered;
    for (int process = 0; process < processes; ++process) {
        answered.push_back(std::async(std::launch::async, [&, process] {
            Database database({it.test.app_url(), 8});
            const auto store = make_infer_store(database);
            std::vector<Task<bool>> asked;
            for (int worker = 0; worker < workers; ++worker) {
                const TurnId turn = turns[static_cast<std::size_t>(process * workers + worker)];
                asked.push_back(ask(*store, it.ballet, turn, most, took));
            }
            int count = 0;
            for (const bool yes : run_all(std::move(asked))) count += yes ? 1 : 0;
            return count;
        }));
    }
    int all = 0;
    for (auto& count : answered) all += count.get();
    CHECK(all == answers);
    CHECK(it.test.query("SELECT spent, reserved FROM budgets") == fmt::format("{}|0", took * answers));
    CHECK(it.test.query("SELECT sum(cost), count(*) FROM model_calls") ==
          fmt::format("{}|{}", took * answers, answers));
    CHECK(it.test.query("SELECT kind, times FROM budget_events") ==
          fmt::format("exhausted|{}", processes * workers - answers));
}

TEST_CASE("owners of one turn that reserve at once have one reservation") {
    Money it;
    const TurnId turn = it.turns(1).front();
    std::vector<std::future<void>> owners;
    for (int n = 0; n < 6; ++n) {
        owners.push_back(std::async(std::launch::async, [&] {
            Database database({it.test.app_url(), 1});
            const auto store = make_infer_store(database);
            const auto reservation = run(store->reserve_call(it.ballet, turn, 0, Money::call(100), at(1)));
            CHECK(reservation.state == State::granted);
        }));
    }
    for (auto& owner : owners) owner.get();
    CHECK(it.test.query("SELECT count(*), max(attempt), max(cut_off) FROM model_calls") == "1|1|5");
}

TEST_CASE("a budget that is made while calls run counts every one of them") {
    Money it;
    const auto turns = it.turns(40);
    auto asking = std::async(std::launch::async, [&] {
        Database database({it.test.app_url(), 4});
        const auto store = make_infer_store(database);
        std::vector<Task<bool>> asked;
        for (const auto& turn : turns) asked.push_back(ask(*store, it.ballet, turn, 100, 70));
        run_all(std::move(asked));
    });
    for (int n = 0; n < 10; ++n) it.set_budget(1'000'000);
    asking.get();
    CHECK(it.test.query("SELECT spent, reserved FROM budgets") == "2800|0");
}

TEST_CASE("a budget of one agent counts that agent's calls, and the other shop's are nobody's business") {
    Money it;
    const std::string agent =
        it.test.query("SELECT name FROM agents WHERE tenant_id = " + it.ballet.to_string());
    const std::string request = JsonObject()
                                    .text("agent", agent)
                                    .text("period", "month")
                                    .text("currency", "USD")
                                    .number("hard", 100)
                                    .time("now", at(0))
                                    .str();
    run(it.database.call("set_budget", it.ballet, request));
    CHECK(run(it.database.call("set_budget", it.other,
                               JsonObject()
                                   .text("agent", "nobody")
                                   .text("period", "month")
                                   .text("currency", "USD")
                                   .number("hard", 1)
                                   .time("now", at(0))
                                   .str())) == "\"unknown\"");
    const TurnId turn = it.turns(1).front();
    CHECK(run(it.infer->reserve_call(it.ballet, turn, 0, Money::call(101), at(1))).state == State::refused);
    CHECK(run(it.infer->reserve_call(it.ballet, turn, 0, Money::call(100), at(1))).state == State::granted);
    CHECK(run(it.infer->reserve_call(it.other, turn, 0, Money::call(1), at(1))).reason == "erased");
    CHECK(it.test.query("SELECT tenant_id, reserved FROM budgets") == it.ballet.to_string() + "|100");
}

TEST_CASE("days and months are those of the shop's time zone") {
    Money it;
    const auto move_to = [&](const std::string& zone) {
        return run(it.database.call("change_tenant", it.ballet, JsonObject().text("time_zone", zone).str()));
    };
    CHECK(move_to("America/Argentina/Buenos_Aires") == "true");
    it.set_budget(1);
    // at(0) is 2026-05-28 20:26:40 UTC
    CHECK(it.test.query("SELECT starts_at, ends_at FROM budgets") ==
          "2026-05-28 03:00:00+00|2026-05-29 03:00:00+00");
    CHECK(move_to("Atlantis") == R"("unknown_time_zone")");
    CHECK(move_to("UTC") == "true");
    CHECK(it.test.query("SELECT starts_at = date_trunc('day', now(), 'UTC') FROM budgets") == "t");
}

TEST_CASE("a price is the exact name's, then the longest beginning's, of that server and that moment") {
    Fixture fixture;
    fixture.test.query(
        "INSERT INTO prices (provider, base_url, model, valid_from, valid_until, currency, input, "
        "cached_input, "
        "output) VALUES "
        "('openai', '', 'gpt-4o', 'epoch', NULL, 'USD', 1, 1, 1), "
        "('openai', '', 'gpt-4o-mini', 'epoch', '2026-05-01', 'USD', 2, 1, 1), "
        "('openai', '', 'gpt-4o-mini', '2026-05-01', NULL, 'USD', 3, 1, 1), "
        "('openai', '', 'gpt-4o-mini-*', 'epoch', NULL, 'USD', 4, 1, 1), "
        "('openai', '', 'gpt-*', 'epoch', '2026-05-01', 'USD', 5, 1, 1), "
        "('openai', 'https://b/v1', '*', 'epoch', NULL, 'USD', 6, 1, 1) RETURNING 1");
    const auto input = [&](const std::string& model, const std::string& moment, const std::string& url = "") {
        return fixture.test.query(
            fmt::format("SELECT input FROM price_of('openai', '{}', '{}', '{}')", url, model, moment));
    };
    CHECK(input("gpt-4o", "2026-05-02") == "1");
    CHECK(input("gpt-4o-mini", "2026-04-30") == "2");
    CHECK(input("gpt-4o-mini", "2026-05-01") == "3");
    CHECK(input("gpt-4o-mini-2024", "2026-05-02") == "4");
    CHECK(input("gpt-4o-2024", "2026-04-30") == "5");
    CHECK(input("gpt-4o-2024", "2026-05-01") == "");  // no name is the beginning of another by itself
    CHECK(input("anything", "2026-05-02", "https://b/v1/") == "6");
    CHECK(input("gpt-4o", "2026-05-02", "https://c/v1") == "");
    // rounded up once; figures that cannot be are cut
    CHECK(fixture.test.query("SELECT cost_of_tokens(150000, 75000, 600000, 3, 1, 1), "
                             "cost_of_tokens(1, 1, 1, 0, 0, 0), cost_of_tokens(NULL, NULL, NULL, 1, 0, 0), "
                             "cost_of_tokens(10000000000000, 0, 10000000000000, 9223372036854775807, -5, "
                             "9223372036854775807)") == "1|0||20000000000000000");
}
