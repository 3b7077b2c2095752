#include <doctest/doctest.h>

#include <algorithm>

#include "tests/simulation/shop.hpp"

namespace relevo {
namespace {

constexpr BurstPolicy window{Millis{3'000}, Millis{10'000}, 20};

// One shop whose model costs 1 and 2 a token, in and out, and what it may spend in a day.
struct Bench {
    explicit Bench(std::int64_t hard, SimSettings settings = {})
        : world(std::move(settings)), shop(world.add_shop(1, "shop", window)) {
        world.database.prices = {{"*", 1'000'000, 500'000, 2'000'000}};
        world.database.set_budget({1}, "day", hard, {}, world.clock.now());
        world.start();
    }
    const SimBudget& budget() const { return world.database.tenants.at({1}).budgets.front(); }
    std::int64_t refusals() const {
        std::int64_t times = 0;
        for (const auto& [key, count] : budget().events) times += key.second == "exhausted" ? count : 0;
        return times;
    }
    std::ptrdiff_t count(SimCall::Status status) const {
        const auto& calls = world.database.tenants.at({1}).calls;
        return std::count_if(calls.begin(), calls.end(),
                             [&](const auto& call) { return call.second.status == status; });
    }
    std::ptrdiff_t told(const std::string& text) const {
        return std::ranges::count(world.provider.bubbles, text, &SimBubble::text);
    }
    SimWorld world;
    Account shop;
};

// Incident 15: what is spent is looked at, and what others are about to spend is not.
struct ReservationsIgnored final : SimDatabase {
    CallReservation::State verdict(const SimBudget& budget, std::int64_t asked, std::int64_t) const override {
        return budget.spent + asked > *budget.hard ? CallReservation::State::refused
                                                   : CallReservation::State::granted;
    }
};

// Incident 15: phantom refusals.
struct RefusedByOpenCalls final : SimDatabase {
    CallReservation::State verdict(const SimBudget& budget, std::int64_t asked,
                                   std::int64_t mine) const override {
        const auto right = SimDatabase::verdict(budget, asked, mine);
        return right == CallReservation::State::wait ? CallReservation::State::refused : right;
    }
};

// Money that a dead process held never comes back.
struct NeverReleased final : SimDatabase {
    void release_calls(SimTenant&, SysTime) override {}
};

template <class Instead>
struct WithDatabase final : SimParts {
    std::unique_ptr<SimDatabase> database() const override { return std::make_unique<Instead>(); }
};

// What one call of these worlds reserves, and what one spends.
struct Measured {
    Measured() {
        Bench it(1'000'000);
        it.world.write(it.shop, "c1", "hola");
        check_well(it.world);
        const SimCall& call = it.world.database.tenants.at({1}).calls.begin()->second;
        reserved = call.reserved;
        spent = call.cost.value();
    }
    std::int64_t reserved = 0;
    std::int64_t spent = 0;
};

const Measured& measured() {
    static const Measured once;
    return once;
}

}  // namespace

TEST_CASE(
    "a process may die between any two steps of a call: the customer is answered, and it is paid once") {
    const auto& [reserved, spent] = measured();
    REQUIRE(spent < reserved);
    for (const std::string point : {"reserve_call.before", "reserve_call.committed", "model.before",
                                    "model.after", "commit_answer.before", "commit_answer.committed"}) {
        CAPTURE(point);
        for (int processes = 1; processes <= 2; ++processes) {
            SimSettings settings;
            settings.processes = processes;
            Bench it(reserved, settings);  // room for one call: a second reservation would not fit
            it.world.crash_at(point);
            it.world.write(it.shop, "c1", "hola");
            check_well(it.world);
            CHECK(it.world.crashes() == 1);
            CHECK(it.told("bye") == 1);
            CHECK(it.budget().spent == spent);
            CHECK(it.budget().reserved == 0);
            CHECK(it.count(SimCall::Status::settled) == 1);
        }
    }
}

TEST_CASE("a process may die between any two steps of a call in vain") {
    for (const std::string point : {"settle_call.before", "settle_call.committed"}) {
        CAPTURE(point);
        SimSettings settings;
        settings.rates.model_fails = 1;
        Bench it(measured().reserved, settings);
        it.world.crash_at(point);
        it.world.write(it.shop, "c1", "hola");
        it.world.run_for(Millis{15'000});
        CHECK(it.world.crashes() == 1);
        it.world.settings.rates.model_fails = 0;
        check_well(it.world);
        CHECK(it.told("bye") == 1);
        CHECK(it.budget().spent == measured().spent);
        CHECK(it.count(SimCall::Status::open) == 0);
    }
}

TEST_CASE(
    "many race for the last cent: what is left is spent to the last answer that fits, and not overdrawn") {
    const auto& [reserved, spent] = measured();
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CAPTURE(seed);
        SimSettings settings;
        settings.seed = seed;
        settings.processes = 3;
        const std::int64_t answers = 7;
        Bench it(spent * (answers - 1) + reserved, settings);
        constexpr int customers = 64;
        for (int n = 0; n < customers; ++n)
            it.world.write(it.shop, "c" + std::to_string(n % 10) + std::to_string(n / 10), "hola");
        check_well(it.world);
        CHECK(it.told("bye") == answers);
        CHECK(it.told("fallback") == customers - answers);
        CHECK(it.budget().spent == spent * answers);
        CHECK(it.budget().reserved == 0);
        CHECK(it.refusals() == customers - answers);
    }
}

template <class Instead>
std::vector<std::string> problems_of_race() {
    SimSettings settings;
    settings.processes = 3;
    settings.parts = std::make_shared<WithDatabase<Instead>>();
    Bench it(measured().spent * 6 + measured().reserved, settings);
    for (int n = 10; n < 74; ++n) it.world.write(it.shop, "c" + std::to_string(n), "hola");
    it.world.settle();
    return find_problems(it.world);
}

// A check that finds nothing may be blind.
TEST_CASE("a database that looks at what is spent only, or refuses what is only reserved, is found out") {
    CHECK(problems_of_race<SimDatabase>().empty());
    CHECK_FALSE(problems_of_race<ReservationsIgnored>().empty());
    CHECK_FALSE(problems_of_race<RefusedByOpenCalls>().empty());
}

namespace {

// Its process dies in a call of one customer, whom a human takes over, and another one writes.
struct DeadHolder {
    explicit DeadHolder(std::shared_ptr<const SimParts> parts = std::make_shared<SimParts>())
        : it(measured().reserved, settings_of(std::move(parts))) {
        it.world.excused = restart_after * 2;
        it.world.crash_at("model.before");
        it.world.write(it.shop, "c1", "hola");
        it.world.run_for(Millis{10'000});
        REQUIRE(it.world.crashes() == 1);
        REQUIRE(it.budget().reserved == measured().reserved);
        it.world.take_over(it.shop, "c1");
        it.world.run_for(restart_after);
        it.world.write(it.shop, "c2", "hola");
    }
    static SimSettings settings_of(std::shared_ptr<const SimParts> parts) {
        SimSettings settings;
        settings.processes = 2;
        settings.restart_after = restart_after;
        settings.layout = {{"resolve", "buffer", "retrieve", "relay", "settle", "wake"}, {"infer"}};
        settings.parts = std::move(parts);
        return settings;
    }
    static constexpr Millis restart_after{3'600'000};
    Bench it;
};

}  // namespace

TEST_CASE("money that a dead process held is there again for who waits") {
    DeadHolder dead;
    check_well(dead.it.world);
    CHECK(texts(dead.it.world.bubbles(dead.it.shop, "c2")).size() == 3);
    CHECK(dead.it.count(SimCall::Status::released) == 1);
    DeadHolder forever(std::make_shared<WithDatabase<NeverReleased>>());
    CHECK_FALSE(forever.it.world.settle(Millis{600'000}));
}

TEST_CASE("a turn that finds no money is no dead letter, and once there is more the next is answered") {
    Bench it(measured().reserved - 1);
    it.world.write(it.shop, "c1", "hola");
    check_well(it.world);
    CHECK(it.told("fallback") == 1);
    CHECK(it.world.database.dead_letters.empty());
    it.world.database.set_budget({1}, "day", measured().reserved * 2, {}, it.world.clock.now());
    it.world.write(it.shop, "c1", "hola");
    check_well(it.world);
    CHECK(it.told("bye") == 1);
}

}  // namespace relevo
