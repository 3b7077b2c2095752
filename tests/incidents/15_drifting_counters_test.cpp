#include <doctest/doctest.h>

#include "tests/postgres/fixture.hpp"

namespace relevo::testing {
namespace {

Completion completion(std::int64_t input, std::int64_t output) {
    Completion made;
    made.text = "answer";
    made.usage = {input, output, true};
    return made;
}

}  // namespace

// Reserving and settling a budget comes with usage and budgets: this is the row that they will count.
TEST_CASE(
    "incident 15: counters drifted with each retry, here what a step used is one row and its first "
    "writer's") {
    Fixture fixture;
    const TurnId turn = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    run(fixture.retrieve->freeze_step(fixture.ballet, turn, {}, at(17)));
    std::vector<Task<std::vector<ReplyId>>> owners;
    for (int n = 0; n < 4; ++n) {
        owners.push_back(
            fixture.infer->commit_answer(fixture.ballet, turn, 0, completion(120, 30), {"uno"}, at(18)));
    }
    run_all(std::move(owners));
    for (int n = 0; n < 3; ++n)
        run(fixture.infer->commit_answer(fixture.ballet, turn, 0, completion(999, 999), {"otro"}, at(19)));
    CHECK(fixture.test.query(
              "SELECT count(*), sum((response #>> '{usage,input_tokens}')::integer), "
              "sum((response #>> '{usage,output_tokens}')::integer) FROM steps WHERE response IS NOT NULL") ==
          "1|120|30");
    CHECK(fixture.test.query("SELECT count(*) FROM answers") == "1");
}

}  // namespace relevo::testing
