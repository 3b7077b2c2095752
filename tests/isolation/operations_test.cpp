// Every operation of the database, with another shop's ids, names and numbers in its request.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/isolation/two_shops.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

constexpr int at_once = 1'000;  // in one transaction

// The calls that were wrong, one a line.
std::string wrong_calls(const TwoShops& it, double seed, int calls) {
    return it.test.query(
        fmt::format("SELECT operation, what, sent, left(answer, 300) FROM swaps.run({}, {}, {}, {})",
                    it.attacker.value, it.victim.value, seed, calls));
}

}  // namespace

TEST_CASE("no operation reads, writes or counts another shop's rows, whatever a request names") {
    const TwoShops it;
    const std::string before = it.digest();
    const int calls = swaps(10'000);
    for (int done = 0; done < calls; done += at_once) {
        // setseed wants something within -1 and 1
        const double seed = static_cast<double>(done + 1) / (calls + at_once);
        CAPTURE(seed);
        REQUIRE(wrong_calls(it, seed, std::min(at_once, calls - done)) == "");
    }
    CHECK(it.digest() == before);
    // and what was asked could have been done: most of it is, for who has the rows
    const int dead = std::stoi(it.test.query(fmt::format(
        "SELECT count(*) FILTER (WHERE done = 0) FROM swaps.answered({}, 0.5, 20)", it.attacker.value)));
    const int all = std::stoi(it.test.query("SELECT count(*) FROM swaps.operations"));
    CHECK(all > 60);
    CHECK(dead < all / 3);
}

TEST_CASE("an operation that passes the policies by is found, however it does so") {
    struct Case {
        const char* name;
        const char* body;
        const char* field;
        const char* found;
    };
    const Case cases[]{
        {"leak_words",
         "SELECT to_jsonb(min(m.text)) FROM messages AS m WHERE m.id = (req ->> 'message')::uuid", "message",
         "read"},
        {"leak_count",
         "SELECT to_jsonb(count(*)) FROM messages AS m WHERE m.conversation_id = (req ->> "
         "'conversation')::uuid",
         "conversation", "told"},
        {"leak_write",
         "UPDATE messages SET trace = 'x' WHERE id = (req ->> 'message')::uuid RETURNING 'null'::jsonb",
         "message", "wrote"},
    };
    const TwoShops it;
    for (const auto& leak : cases) {
        CAPTURE(leak.name);
        // a superuser's function is bound by no policy
        it.test.query(
            fmt::format("CREATE FUNCTION op_{0}(req jsonb) RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS "
                        "$${1}$$; GRANT EXECUTE ON FUNCTION op_{0} TO relevo_app; "
                        "TRUNCATE swaps.fields, swaps.operations; "
                        "INSERT INTO swaps.fields VALUES ('{0}', '{2}', 'uuid'); "
                        "INSERT INTO swaps.operations VALUES ('{0}', 1)",
                        leak.name, leak.body, leak.field));
        CHECK(wrong_calls(it, 0.25, 200).find(std::string("|") + leak.found) != std::string::npos);
    }
}
