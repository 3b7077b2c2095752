#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE("a search finds the shop's products by stem, without accents and by synonym") {
    Fixture fixture;
    const auto search = [&](const char* text) {
        return run(fixture.retrieve->search(fixture.ballet, text, 5));
    };
    REQUIRE_FALSE(search("algodon para niñas").empty());
    CHECK(search("algodon para niñas")[0].title == "Leotardo de algodón");
    REQUIRE_FALSE(search("¿Tenés ZAPATILLAS?").empty());
    CHECK(search("¿Tenés ZAPATILLAS?")[0].title == "Puntas de satén");
    CHECK(search("punta")[0].source == "catalogue");
    CHECK(search("punta")[0].score > 0);
    CHECK(run(fixture.retrieve->search(fixture.ballet, "puntas bolso leotardo", 2)).size() == 2);
}

TEST_CASE("the label of a price or a size finds no passage beside a word that says what is asked for") {
    Fixture fixture;
    const auto titles = [&](const char* text) {
        std::string found;
        for (const auto& passage : run(fixture.retrieve->search(fixture.ballet, text, 5)))
            found += passage.title + "\n";
        return found;
    };
    CHECK(titles("¿Qué precio y qué talles tiene el bolso?") == "Bolso de danza\n");
    CHECK(titles("precio en ARS del leotardo") == "Leotardo de algodón\n");
    CHECK(titles("¿hay algo en color rosa?") == "Leotardo de algodón\n");  // the values do count
    CHECK(titles("¿cuál está a 21.500?") == "Leotardo de algodón\n");
    // where nothing else is asked for, a label is better than nothing
    CHECK(run(fixture.retrieve->search(fixture.ballet, "¿qué precios tienen?", 5)).size() == 3);
    CHECK(titles("¿talles?") == "Puntas de satén\n");
}

TEST_CASE("a search finds nothing of another shop and nothing for no words") {
    Fixture fixture;
    CHECK(run(fixture.retrieve->search(fixture.ballet, "martillo", 5)).empty());
    CHECK(run(fixture.retrieve->search(fixture.other, "martillo", 5)).size() == 1);
    CHECK(run(fixture.retrieve->search(fixture.ballet, "", 5)).empty());
    CHECK(run(fixture.retrieve->search(fixture.ballet, "¿y de la?", 5)).empty());
    CHECK(run(fixture.retrieve->search(fixture.ballet, "' | & !:* \\", 5)).empty());
}

TEST_CASE("a search reads one partition, and of it the tenant's rows only") {
    Fixture fixture;
    // a shop with much to say in the same partition as one with little
    fixture.test.query(
        "INSERT INTO tenants (slug, name) SELECT 's' || n, 's' FROM generate_series(1, 60) AS n");
    const std::string neighbour = fixture.test.query(
        fmt::format("SELECT n.id FROM tenants AS n, generate_series(0, 7) AS r WHERE n.slug LIKE 's%' "
                    "AND satisfies_hash_partition('chunks'::regclass, 8, r, n.id) "
                    "AND satisfies_hash_partition('chunks'::regclass, 8, r, {}::bigint) LIMIT 1",
                    fixture.ballet.value));
    fixture.test.query(
        fmt::format("INSERT INTO sources (tenant_id, id, kind, name) VALUES ({}, "
                    "gen_random_uuid(), 'document', 'manual')",
                    neighbour));
    fixture.test.query(
        "INSERT INTO chunks (tenant_id, id, source_id, title, text) SELECT tenant_id, gen_random_uuid(), id, "
        "'x', "
        "'puntas ' || n FROM sources, generate_series(1, 20000) AS n WHERE name = 'manual'");
    fixture.test.query("ANALYZE chunks");
    // as op_search asks: as the process's role, with the tenant from the setting
    const std::string plan = fixture.test.query(fmt::format(
        "BEGIN; SET LOCAL ROLE relevo_app; SET LOCAL app.tenant_id = {}; EXPLAIN (ANALYZE, TIMING OFF, COSTS "
        "OFF) "
        "SELECT id FROM chunks AS k WHERE k.tenant_id = app_tenant() AND k.tsv @@ 'punt'::tsquery",
        fixture.ballet.value));
    CHECK_MESSAGE(plan.find("Subplans Removed: 7") != std::string::npos, plan);
    CHECK_MESSAGE(plan.find("Index Cond: (tenant_id = ") != std::string::npos, plan);
    CHECK(run(fixture.retrieve->search(fixture.ballet, "puntas", 50)).size() == 2);
}
