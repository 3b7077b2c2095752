#include "postgres/erasure_keys.hpp"

#include <doctest/doctest.h>

#include "tests/postgres/erasing.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE("the key of the marks is drawn once, and nobody takes it away") {
    Erasing it;
    const Secret key = it.key();
    CHECK(it.key().reveal() == key.reveal());
    CHECK_FALSE(run(restore_erasure_key(it.database, it.vault, it.ballet, Secret("another"))));
    CHECK_FALSE(run(it.vault.remove(it.ballet, "relevo", "ERASURE_KEY")));
    CHECK_THROWS_AS(run(it.vault.put(it.ballet, {{"relevo", "ERASURE_KEY", Secret("x")}})), Failure);
    CHECK(run(it.vault.rekey(it.ballet)) > 0);
    CHECK(it.key().reveal() == key.reveal());
    CHECK(it.test.query("SELECT count(*) FROM credentials WHERE position(convert_to('" + key.reveal() +
                        "', 'UTF8') IN sealed) > 0") == "0");
}
