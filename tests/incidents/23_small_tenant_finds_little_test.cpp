#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/postgres/fixture.hpp"

namespace relevo::testing {

// The same with vectors comes with the knowledge part: there is no vector index yet.
TEST_CASE(
    "incident 23: a search cut first and chose the tenant then, here a huge neighbour costs a small one "
    "nothing") {
    Fixture fixture;
    const auto search = [&] {
        std::string found;
        for (const auto& passage : run(fixture.retrieve->search(fixture.ballet, "puntas y bolso", 5)))
            found += passage.title + "\n";
        return found;
    };
    const std::string alone = search();
    CHECK(alone.find("Puntas de satén") != std::string::npos);
    CHECK(alone.find("Bolso de danza") != std::string::npos);
    // it says the same words, and better: of the best thousand passages of the table none is the small shop's
    fixture.test.query(fmt::format(
        "INSERT INTO sources (tenant_id, id, kind, name) VALUES ({0}, gen_random_uuid(), 'document', "
        "'manual');"
        "INSERT INTO chunks (tenant_id, id, source_id, title, text) SELECT tenant_id, gen_random_uuid(), id, "
        "'puntas bolso', 'puntas bolso puntas bolso ' || n FROM sources, generate_series(1, 5000) AS n "
        "WHERE tenant_id = {0} AND name = 'manual'",
        fixture.other.value));
    CHECK(search() == alone);
    CHECK(run(fixture.retrieve->search(fixture.other, "puntas y bolso", 5)).size() == 5);
}

}  // namespace relevo::testing
