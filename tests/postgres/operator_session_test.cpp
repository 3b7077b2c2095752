#include "postgres/operator_session.hpp"

#include <doctest/doctest.h>

#include "postgres/operator_books.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE("who may not read what people wrote is told so before anything is done, and what to do") {
    TestDatabase test;
    const auto refusal = [](const std::string& url) -> std::optional<Error> {
        try {
            OperatorSession(Secret(url), operator_text_setting).require_role("relevo_operator_text");
            return {};
        } catch (const Failure& failure) {
            return failure.error();
        }
    };
    CHECK_FALSE(refusal(test.operator_text_url()));
    const auto plain = refusal(test.operator_url());
    REQUIRE(plain);
    CHECK(plain->code == "operator.no_text_right");
    CHECK(plain->text.find("postgres.operator_text_url") != std::string::npos);
    CHECK(refusal(test.app_url()));
}
