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
