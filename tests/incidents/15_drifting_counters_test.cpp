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
    CHECK(fixture.test.query("SELECT count(*), sum(input_tokens), sum(output_tokens) FROM model_calls") ==
          "1|120|30");
}

TEST_CASE(
    "incident 15: caps were bypassed or refused for nothing, here what open calls hold is neither spent nor "
    "free") {
    using State = CallReservation::State;
    Fixture fixture;
    fixture.test.query(
        "INSERT INTO prices (provider, model, valid_from, currency, input, cached_input, output) VALUES "
        "('sim', '*', 'epoch', 'USD', 1000000, 1000000, 1000000) RETURNING 1");
    fixture.test.query("INSERT INTO budgets (tenant_id, period, currency, hard) VALUES (" +
                       fixture.ballet.to_string() + ", 'day', 'USD', 100) RETURNING 1");
    const TurnId one = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    const TurnId two = fixture.claim(fixture.store("2", "hola", at(0), "5491150000002"), at(16));
    const auto reserve = [&](TurnId turn) {
        return run(fixture.infer->reserve_call(fixture.ballet, turn, 0, {"sim", "", "m", false, 80, 0},
                                               at(17)))
            .state;
    };
    for (int again = 0; again < 5; ++again) CHECK(reserve(one) == State::granted);
    CHECK(reserve(two) == State::wait);
    run(fixture.infer->settle_call(fixture.ballet, one, 0, "model.unavailable", {}, at(18)));
    CHECK(reserve(two) == State::granted);
    run(fixture.infer->commit_answer(fixture.ballet, two, 0, completion(80, 0), {"sí"}, at(19)));
    CHECK(reserve(one) == State::refused);
    CHECK(fixture.test.query("SELECT spent, reserved FROM budgets") == "80|0");
}

}  // namespace relevo::testing
