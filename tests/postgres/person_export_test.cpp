#include "postgres/person_export.hpp"

#include <doctest/doctest.h>

#include "tests/postgres/erasing.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE("an export has every row of the person and nobody else's") {
    Erasing it;
    const auto letters = make_dead_letters(it.database);
    for (const auto* person : {ana, eva}) {
        const std::string who(person);
        Inbound photo = inbound("wamid." + who, "dice " + who, who);
        photo.type = "image";
        photo.metadata = R"({"image":{"id":"media of )" + who + "\"}}";
        const auto message = run(it.resolve->store_message(it.account(), photo, at(0), ""));
        it.answer(it.claim(message, at(1)), {"a " + who}, at(2));
        run(letters->bury(
            {it.letter("whatsapp/1001:" + who, "letter of " + who + " ñ", person == ana ? 1 : 2)}));
    }
    std::string document;
    export_person(Secret(it.test.operator_text_url()), it.ballet, "ballet", it.known().contact,
                  [&](std::string_view text) { document += text; });
    for (const auto* part : {"dice 5491150000001", "a 5491150000001", "letter of 5491150000001 ñ",
                             R"("file":{"id":"media of 5491150000001"})", "\"name\":\"Ana\""}) {
        CAPTURE(part);
        CHECK(document.find(part) != std::string::npos);
    }
    CHECK(document.find(eva) == std::string::npos);
    CHECK(it.test.query("SELECT jsonb_typeof('" + document + "'::jsonb)") == "object");
    std::string nothing;
    CHECK_THROWS_AS(export_person(Secret(it.test.operator_url()), it.ballet, "ballet", it.known().contact,
                                  [&](std::string_view text) { nothing += text; }),
                    Failure);
}
