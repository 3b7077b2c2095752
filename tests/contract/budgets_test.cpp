#include <doctest/doctest.h>

#include "tests/contract/stores.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using State = CallReservation::State;

const SysTime noon = from_millis(1'780'056'000'000);  // 2026-05-29 12:00 UTC

// A turn of another conversation each, so that none supersedes another.
std::vector<TurnId> turns(Stores& stores, int count) {
    std::vector<TurnId> made;
    for (int n = 0; n < count; ++n) {
        const std::string name = std::to_string(n);
        made.push_back(stores.claim(stores.store("event" + name, "hola", noon, "549110" + name), noon));
    }
    return made;
}

std::string call(Stores& stores, TurnId turn, int attempt = 1) {
    return stores.row("call " + turn.to_string() + " 0 " + std::to_string(attempt));
}

std::string budget(Stores& stores, const std::string& period = "day") {
    return stores.row("budget " + stores.ballet.to_string() + " " + period);
}

std::string event(Stores& stores, const std::string& kind) {
    return stores.row("budget event " + stores.ballet.to_string() + " day " + kind);
}

}  // namespace

TEST_CASE_TEMPLATE("a call takes what it may cost, and gives back what it did not", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    stores.set_budget("day", 1'000, {}, noon);
    const auto all = turns(stores, 1);
    CHECK(stores.reserve(all[0], 300, 100, noon).state == State::granted);
    CHECK(budget(stores) == "spent 0, reserved 500");
    stores.settle_answer(all[0], {200, 50, true, 100}, noon + Millis{1'000});
    CHECK(budget(stores) == "spent 250, reserved 0");
    CHECK(call(stores, all[0]) == "settled, reserved 500, cut off 0, cost 250");
}

TEST_CASE_TEMPLATE(
    "what does not fit beside open calls waits, and is refused only when what is spent leaves no room", S,
    SimulatedStores, PostgresStores) {
    S stores;
    stores.set_budget("day", 1'000, {}, noon);
    const auto all = turns(stores, 3);
    REQUIRE(stores.reserve(all[0], 700, 0, noon).state == State::granted);
    CHECK(stores.reserve(all[1], 400, 0, noon).state == State::wait);
    CHECK(stores.reserve(all[2], 300, 0, noon).state == State::granted);  // a smaller one does
    CHECK(event(stores, "exhausted") == "no such row");
    stores.settle_answer(all[0], {500, 0, true}, noon);
    CHECK(stores.reserve(all[1], 400, 0, noon).state == State::wait);
    stores.settle_answer(all[2], {100, 0, true}, noon);
    CHECK(stores.reserve(all[1], 401, 0, noon).state == State::refused);
    CHECK(stores.reserve(all[1], 400, 0, noon).state == State::granted);  // to the last cent
    CHECK(budget(stores) == "spent 600, reserved 400");
    CHECK(event(stores, "exhausted") == "1");
}

TEST_CASE_TEMPLATE("a call is bounded where a hard limit counts what it costs, and nowhere else", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const auto all = turns(stores, 4);
    CHECK_FALSE(stores.reserve(all[0], 1, 1, noon).bounded);
    stores.set_budget("month", {}, 1'000, noon);
    CHECK_FALSE(stores.reserve(all[1], 1, 1, noon).bounded);
    stores.set_budget("day", 1'000, {}, noon);
    CHECK(stores.reserve(all[2], 1, 1, noon).bounded);
    CHECK(stores.reserve(all[2], 1, 1, noon).bounded);  // begun anew
    const PlannedCall free{"sim", "", "cheap", true, 1, 1};
    CHECK_FALSE(stores.run(stores.infer->reserve_call(stores.ballet, all[3], 0, free, noon)).bounded);
}

TEST_CASE_TEMPLATE("a refusal says which budget, what is spent of it and what was asked", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    stores.set_budget("month", 2'000, {}, noon);
    stores.set_budget("day", 1'000, {}, noon);
    const auto all = turns(stores, 1);
    const auto refused = stores.reserve(all[0], 1'001, 0, noon);
    CHECK(refused.state == State::refused);
    CHECK(refused.reason == "exhausted");
    CHECK(refused.spent.period == "day");
    CHECK(refused.spent.hard == 1'000);
    CHECK(refused.spent.asked == 1'001);
    CHECK(refused.spent.currency == "USD");
    CHECK(stores.count("call ") == 0);
}

TEST_CASE_TEMPLATE("a call of which nobody told the end is begun anew, and reserves once", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    stores.set_budget("day", 1'000, {}, noon);
    const auto all = turns(stores, 1);
    for (int n = 0; n < 3; ++n) CHECK(stores.reserve(all[0], 600, 0, noon).state == State::granted);
    CHECK(budget(stores) == "spent 0, reserved 600");
    CHECK(stores.reserve(all[0], 900, 0, noon).state == State::granted);  // in its own place
    CHECK(call(stores, all[0]) == "open, reserved 900, cut off 3, cost -");
    CHECK(call(stores, all[0], 2) == "no such row");
}

TEST_CASE_TEMPLATE("a call is settled by who made it, also when its turn has moved on, and once", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    stores.set_budget("day", 100'000, {}, noon);
    const auto all = turns(stores, 1);
    const SysTime later = noon + reservation_lease + Millis{1'000};
    CHECK(stores.reserve(all[0], 600, 0, noon).attempt == 1);
    CHECK(stores.reserve(all[0], 700, 0, later).attempt == 2);
    const auto settle = [&](int attempt) {
        stores.run(stores.infer->settle_call(stores.ballet, all[0], 0, "model.timeout", {500, 0, false},
                                             later, attempt));
    };
    settle(1);
    settle(1);
    CHECK(budget(stores) == "spent 500, reserved 700");
    CHECK(call(stores, all[0], 2) == "open, reserved 700, cut off 0, cost -");
    Completion completion;
    completion.provider = "sim";
    completion.model = "cheap";
    completion.usage = {100, 0, true};
    completion.attempt = 2;
    for (int n = 0; n < 2; ++n)
        stores.run(stores.infer->commit_answer(stores.ballet, all[0], 0, completion, {"sí"}, later));
    CHECK(budget(stores) == "spent 600, reserved 0");
    CHECK(call(stores, all[0], 3) == "no such row");
}

TEST_CASE_TEMPLATE("each call of a step is reserved by itself: in vain, again, of another model", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    stores.set_budget("day", 100'000, {}, noon);
    const auto all = turns(stores, 1);
    stores.reserve(all[0], 600, 0, noon);
    stores.run(stores.infer->settle_call(stores.ballet, all[0], 0, "model.unavailable", {}, noon));
    stores.reserve(all[0], 600, 0, noon);
    stores.run(stores.infer->settle_call(stores.ballet, all[0], 0, "model.timeout", {500, 0, false}, noon));
    CHECK(budget(stores) == "spent 500, reserved 0");
    stores.reserve(all[0], 600, 0, noon, "dear-2026");
    stores.settle_answer(all[0], {10, 10, true}, noon);
    CHECK(budget(stores) == "spent 3500, reserved 0");
    CHECK(call(stores, all[0], 1) == "settled, reserved 600, cut off 0, cost 0");
    CHECK(call(stores, all[0], 2) == "settled, reserved 600, cut off 0, cost 500");
    CHECK(call(stores, all[0], 3) == "settled, reserved 60000, cut off 0, cost 3000");
}

TEST_CASE_TEMPLATE(
    "what a dead process reserved is free again when every call is over, and counts if it was not dead", S,
    SimulatedStores, PostgresStores) {
    S stores;
    stores.set_budget("day", 1'000, {}, noon);
    const auto all = turns(stores, 2);
    stores.reserve(all[0], 700, 0, noon);
    CHECK(stores.reserve(all[1], 700, 0, noon + reservation_lease - Millis{1}).state == State::wait);
    CHECK(stores.reserve(all[1], 700, 0, noon + reservation_lease).state == State::granted);
    CHECK(call(stores, all[0]) == "released, reserved 700, cut off 0, cost -");
    CHECK(budget(stores) == "spent 0, reserved 700");
    stores.settle_answer(all[0], {600, 0, true}, noon + reservation_lease);
    CHECK(budget(stores) == "spent 600, reserved 700");
}

TEST_CASE_TEMPLATE("a model without a price has no cost, and no call of it where a limit counts it", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const auto all = turns(stores, 3);
    CHECK(stores.reserve(all[0], 100, 100, noon, "strange").state == State::granted);
    stores.settle_answer(all[0], {10, 10, true}, noon);
    CHECK(call(stores, all[0]) == "settled, reserved 0, cut off 0, cost -");
    stores.set_budget("day", {}, 1'000, noon);
    CHECK(stores.reserve(all[1], 100, 100, noon, "strange").state == State::granted);
    stores.set_budget("day", 1'000, {}, noon);
    const auto refused = stores.reserve(all[2], 100, 100, noon, "strange");
    CHECK(refused.state == State::refused);
    CHECK(refused.reason == "unpriced");
    CHECK(event(stores, "unpriced") == "1");
}

TEST_CASE_TEMPLATE("a call that nobody bills needs no room", S, SimulatedStores, PostgresStores) {
    S stores;
    stores.set_budget("day", 0, {}, noon);
    const auto all = turns(stores, 1);
    CHECK(stores.reserve(all[0], 1, 0, noon).state == State::refused);
    CHECK(stores.reserve(all[0], 100, 100, noon, "free").state == State::granted);
    stores.settle_answer(all[0], {10, 10, true}, noon);
    CHECK(call(stores, all[0]) == "settled, reserved 0, cut off 0, cost 0");
}

TEST_CASE_TEMPLATE("every limit holds, and a new day or month begins with nothing", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    stores.set_budget("day", 500, {}, noon);
    stores.set_budget("month", 800, {}, noon);
    const auto all = turns(stores, 4);
    stores.reserve(all[0], 400, 0, noon);
    stores.settle_answer(all[0], {400, 0, true}, noon);
    CHECK(stores.reserve(all[1], 200, 0, noon).spent.period == "day");
    const SysTime tomorrow = noon + Millis{12 * 3'600'000};
    CHECK(stores.reserve(all[1], 400, 0, tomorrow).state == State::granted);
    CHECK(budget(stores) == "spent 0, reserved 400");
    CHECK(budget(stores, "month") == "spent 400, reserved 400");
    stores.settle_answer(all[1], {400, 0, true}, tomorrow);
    CHECK(stores.reserve(all[2], 100, 0, tomorrow).spent.period == "month");
    const SysTime june = noon + Millis{3 * 24 * 3'600'000};
    CHECK(stores.reserve(all[2], 100, 0, june).state == State::granted);
    CHECK(budget(stores, "month") == "spent 0, reserved 100");
    // another process's clock is a second behind: the period that has begun counts it
    CHECK(stores.reserve(all[3], 500, 0, june - Millis{12 * 3'600'000 + 1'000}).state == State::wait);
}

TEST_CASE_TEMPLATE("a call counts in the period in which it was reserved", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    stores.set_budget("day", 1'000, {}, noon);
    const auto all = turns(stores, 2);
    const SysTime midnight = noon + Millis{12 * 3'600'000};
    stores.reserve(all[0], 600, 0, midnight - Millis{5'000});
    stores.reserve(all[1], 600, 0, midnight + Millis{1'000});
    stores.settle_answer(all[0], {500, 0, true}, midnight + Millis{2'000});
    CHECK(budget(stores) == "spent 0, reserved 600");
    stores.settle_answer(all[1], {300, 0, true}, midnight + Millis{3'000});
    CHECK(budget(stores) == "spent 300, reserved 0");
}

TEST_CASE_TEMPLATE("a soft limit that is set below what is spent is told at once", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    stores.set_budget("day", 100'000, 90'000, noon);
    const auto all = turns(stores, 1);
    stores.reserve(all[0], 600, 0, noon);
    stores.settle_answer(all[0], {600, 0, true}, noon);
    CHECK(event(stores, "soft") == "no such row");
    stores.set_budget("day", 100'000, 600, noon);
    CHECK(event(stores, "soft") == "1");
}

TEST_CASE_TEMPLATE("a soft limit is told once in its period, and refuses nothing", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    stores.set_budget("day", {}, 500, noon);
    const auto all = turns(stores, 4);
    stores.reserve(all[0], 499, 0, noon);
    stores.settle_answer(all[0], {499, 0, true}, noon);
    CHECK(event(stores, "soft") == "no such row");
    for (int n = 1; n <= 2; ++n) {
        CHECK(stores.reserve(all[static_cast<std::size_t>(n)], 500, 0, noon).state == State::granted);
        stores.settle_answer(all[static_cast<std::size_t>(n)], {500, 0, true}, noon);
        CHECK(event(stores, "soft") == "1");
    }
    const SysTime tomorrow = noon + Millis{24 * 3'600'000};
    stores.reserve(all[3], 600, 0, tomorrow);
    stores.settle_answer(all[3], {600, 0, true}, tomorrow);
    CHECK(stores.count("budget event ") == 2);
}

TEST_CASE_TEMPLATE("a budget that is made in the middle of a month counts what was spent in it", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const auto all = turns(stores, 3);
    stores.reserve(all[0], 600, 0, noon);
    stores.settle_answer(all[0], {500, 0, true}, noon);
    stores.reserve(all[1], 300, 0, noon);
    stores.set_budget("month", 1'000, {}, noon + Millis{1'000});
    CHECK(budget(stores, "month") == "spent 500, reserved 300");
    stores.settle_answer(all[1], {200, 0, true}, noon + Millis{2'000});
    CHECK(budget(stores, "month") == "spent 700, reserved 0");
    CHECK(stores.reserve(all[2], 301, 0, noon + Millis{2'000}).state == State::refused);
}

TEST_CASE_TEMPLATE("an answer that nobody reserved a call for is counted once", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    stores.set_budget("day", 1'000, {}, noon);
    const auto all = turns(stores, 1);
    stores.settle_answer(all[0], {100, 50, true}, noon);
    stores.settle_answer(all[0], {900, 900, true}, noon);
    CHECK(budget(stores) == "spent 200, reserved 0");
    CHECK(stores.count("call ") == 1);
}

TEST_CASE_TEMPLATE("a turn that does not exist reserves nothing", S, SimulatedStores, PostgresStores) {
    S stores;
    const auto refused = stores.reserve(TurnId{}, 1, 1, noon);
    CHECK(refused.state == State::refused);
    CHECK(refused.reason == "erased");
    CHECK(stores.count("call ") == 0);
}
