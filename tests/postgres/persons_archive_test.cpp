#include "postgres/persons.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/postgres/erasing.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE("a part that nobody understood and that is older than an erasure is kept without its content") {
    Erasing it;
    it.store("1", "hola", at(0));
    const SysTime when = later();
    it.erase(ana, when);
    Inbound strange = inbound("strange", "");
    strange.raw = R"({"from":"5491150000001"})";
    run(it.resolve->archive(it.account(), strange, when - Millis{1}));
    CHECK(it.test.query("SELECT event_id, raw FROM archive") == "strange|");
    strange.event_id = "new";
    run(it.resolve->archive(it.account(), strange, when + Millis{1}));
    CHECK(it.test.query("SELECT raw <> '' FROM archive WHERE event_id = 'new'") == "t");
    it.erase(ana, when + Millis{10'000});
    run(it.resolve->archive(it.account(), strange, when + Millis{20'000}));
    CHECK(it.test.query("SELECT count(*) FROM archive WHERE event_id = 'new'") == "0");
}

TEST_CASE("a part that nobody understood goes with its person where it is a dead letter or waits") {
    Erasing it;
    it.store("1", "hola", at(0));
    const auto letters = make_dead_letters(it.database);
    const auto timers = make_timers(it.database);
    const auto part = [](const std::string& account, const std::string& person) {
        return fmt::format(
            R"({{"kind":"archived","channel":"whatsapp","account":"{}","event_id":"e","raw":"{{\"from\":\"{}\"}}"}})",
            account, person);
    };
    run(letters->bury({it.letter("whatsapp/1001:e1", part("1001", ana), 1),
                       it.letter("whatsapp/1001:e2", part("1001", eva), 2),
                       it.letter("whatsapp/1001:e3", part("1001", std::string(ana) + "7"), 3),
                       it.letter("whatsapp/2002:e4", part("2002", ana), 4)}));  // another shop's
    run(timers->park({at(90), {"messages.received", "whatsapp/1001:e5", part("1001", ana), {}}}));
    CHECK(it.known().rows.at("dead_letters") == 1);
    const Erased erased = it.erase();
    CHECK(erased.rows.at("dead_letters") == 1);
    CHECK(erased.rows.at("timers") == 1);
    CHECK(it.test.query("SELECT convert_from(record_key, 'UTF8') FROM dead_letters ORDER BY 1") ==
          "whatsapp/1001:e2\nwhatsapp/1001:e3\nwhatsapp/2002:e4");
}
TEST_CASE("a person who wrote to a number that changed shops is erased by each of them for itself") {
    Erasing it;
    const Account first = it.account();
    const Account second = it.account("whatsapp", "2002");
    const auto held = [&](TenantId tenant, const std::string& since, const std::string& until) {
        it.test.query(
            fmt::format("UPDATE accounts SET held = tstzmultirange(tstzrange({}, {})) "
                        "WHERE external_id = '1001' AND tenant_id = {}",
                        since, until, tenant.value));
    };
    const auto moment = [](SysTime when) { return fmt::format("from_millis({})", to_millis(when)); };
    it.test.query("UPDATE accounts SET retired_at = now() WHERE external_id = '1001'");
    it.test.query(fmt::format(
        "INSERT INTO accounts (tenant_id, id, channel, external_id, endpoint_id, agent_id) "
        "SELECT x.tenant_id, '{}', 'whatsapp', '1001', x.endpoint_id, x.agent_id FROM accounts AS x "
        "WHERE x.external_id = '2002'",
        first.id.to_string()));
    held(it.ballet, "NULL", moment(at(100)));
    held(it.other, moment(at(200)), "NULL");
    std::int64_t offset = 0;
    const auto bury = [&](const std::string& event, EndpointId scope, SysTime came_in,
                          const std::string& rest) {
        DeadLetter letter =
            it.letter(std::string("whatsapp/1001:") + ana,
                      fmt::format(R"({{"channel":"whatsapp","account":"1001","scope":{},"event_id":"{}"{}}})",
                                  scope.value, event, rest),
                      ++offset);
        letter.headers = fmt::format(R"({{"ce_id":"{}","ce_time":"{}"}})", event, to_iso8601(came_in));
        run(make_dead_letters(it.database)->bury({letter}));
    };
    bury("old", first.endpoint, at(50), "");
    bury("old that came late", first.endpoint, at(300),
         fmt::format(R"(,"sent_at_ms":{})", to_millis(at(50))));
    bury("new", second.endpoint, at(300), "");
    const auto rows = [&](TenantId tenant) {
        return run(read_person(it.database, tenant, it.name(), "", true)).rows.at("dead_letters");
    };
    CHECK(rows(it.ballet) == 2);
    CHECK(rows(it.other) == 1);
    CHECK(it.erase().rows.at("dead_letters") == 2);
    CHECK(it.test.query("SELECT about ->> 'event_id' FROM dead_letters") == "new");
    // in the books of the one shop only
    CHECK(it.test.query("SELECT tenant_id, sum(count) FROM erased_messages GROUP BY 1") ==
          it.ballet.to_string() + "|2");
}
