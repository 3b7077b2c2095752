#include "cli/dead_plan.hpp"

#include <doctest/doctest.h>

using namespace relevo;

namespace {

const SysTime now = *from_iso8601("2026-11-21T12:00:00.000Z");

Letter letter(std::int64_t id, const std::string& key, std::int64_t offset, std::int64_t earlier = 0) {
    Letter out;
    out.id = id;
    out.stage = "resolve";
    out.topic = "messages.received";
    out.code = "record.malformed";
    out.key = key;
    out.offset = offset;
    out.earlier = earlier;
    return out;
}

std::string ids(const std::vector<Letter>& letters) {
    std::string out;
    for (const auto& each : letters) out += std::to_string(each.id) + " ";
    return out;
}

}  // namespace

TEST_CASE("letters are redriven as they were written, and none before an earlier one of its key") {
    // a's first stays, so its second and third must; b is complete
    const DeadPlan plan =
        plan_retry({letter(9, "a", 30, 2), letter(3, "b", 12, 1), letter(5, "a", 20, 1), letter(4, "b", 11)},
                   false, now);
    CHECK(ids(plan.letters) == "4 3 ");
    CHECK(ids(plan.held_back) == "5 9 ");
    const std::string said = describe(plan, "would retry");
    CHECK(said.find("would retry 2 dead letters\n") == 0);
    CHECK(said.find("5 stays: 1 earlier of its key is dead too") != std::string::npos);
}

TEST_CASE("an expired letter is told, unless it gets a fresh expiry") {
    Letter old = letter(1, "a", 1);
    old.expires = now - Millis{1};
    CHECK(plan_retry({old}, false, now).expired == 1);
    CHECK(plan_retry({old}, true, now).expired == 0);
    CHECK(describe(plan_retry({old}, false, now), "would retry").find("--extend") != std::string::npos);
}

TEST_CASE("a batch is of one tenant, and keeps the order") {
    auto of = [](std::int64_t id, std::int64_t tenant) {
        Letter out = letter(id, std::to_string(tenant), id);
        out.tenant = {tenant};
        return out;
    };
    const auto batches = batches_of(plan_drop({of(5, 2), of(1, 1), of(2, 2), of(3, 1), of(4, 1)}), 2);
    REQUIRE(batches.size() == 3);
    CHECK(batches[0].ids == std::vector<std::int64_t>{1, 3});
    CHECK(batches[1].ids == std::vector<std::int64_t>{4});
    CHECK(batches[2].tenant == TenantId{2});
    CHECK(batches[2].ids == std::vector<std::int64_t>{2, 5});
}
