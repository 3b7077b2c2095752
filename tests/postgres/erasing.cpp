#include "tests/postgres/erasing.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sstream>

#include "postgres/erasure_keys.hpp"

namespace relevo::testing {

SysTime later() {
    return SystemClock().now() + Millis{1'000};
}

Secret Erasing::key() {
    return run(ensure_erasure_key(database, vault, ballet, random));
}

std::string Erasing::drawn() {
    return format_uuid(hash_uuid("erasure", {random.hex(8)}));
}

KnownPerson Erasing::known(const std::string& person) {
    const auto contacts = run(find_contacts(database, ballet, name(person)));
    REQUIRE(contacts.size() <= 1);
    return run(read_person(database, ballet, name(person), contacts.empty() ? "" : contacts.front(), true));
}

Erased Erasing::erase(const std::string& person, SysTime when) {
    const KnownPerson who = known(person);
    const Secret marks = key();
    ErasureNote note{ballet, drawn(), when, "tester", {}};
    note = run(begin_erasure(database, note, who.aliases, marks));
    return run(erase_person(database, note, who, marks, ignored, [](double) {})).value();
}

std::string Erasing::rows_but(const std::string& person) const {
    std::string all;
    for (const auto* table :
         {"contacts", "aliases", "conversations", "messages", "turns", "steps", "tool_calls", "answers",
          "replies", "deliveries", "timers", "dead_letters", "archive"}) {
        all += test.query(fmt::format("SELECT '{0}', x::text FROM {0} AS x WHERE strpos(x::text, '{1}') = 0 "
                                      "ORDER BY x::text",
                                      table, person)) +
               "\n";
    }
    return all;
}

std::int64_t Erasing::rows() const {
    return std::stoll(test.query(
        "SELECT (SELECT count(*) FROM contacts) + (SELECT count(*) FROM aliases)"
        " + (SELECT count(*) FROM conversations) + (SELECT count(*) FROM messages)"
        " + (SELECT count(*) FROM turns) + (SELECT count(*) FROM steps) + (SELECT count(*) FROM answers)"
        " + (SELECT count(*) FROM replies) + (SELECT count(*) FROM deliveries)"
        " + (SELECT count(*) FROM timers) + (SELECT count(*) FROM dead_letters)"
        " + (SELECT count(*) FROM archive)"));
}

std::string Erasing::everything() const {
    std::string all;
    for (const auto& table :
         split(test.query("SELECT c.oid::regclass FROM pg_class AS c WHERE c.relkind = 'r' "
                          "AND c.relnamespace = 'public'::regnamespace"))) {
        all += test.query("SELECT x::text FROM " + table + " AS x") + "\n";
    }
    return all;
}

std::vector<std::string> Erasing::split(const std::string& lines) {
    std::vector<std::string> out;
    std::istringstream in(lines);
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
}

DeadLetter Erasing::letter(const std::string& key, const std::string& value, std::int64_t offset) {
    DeadLetter letter;
    letter.topic = "messages.received";
    letter.stage = "resolve";
    letter.key = key;
    letter.value = value;
    letter.headers = "{}";
    letter.code = "record.malformed";
    letter.offset = {offset};
    return letter;
}

}  // namespace relevo::testing
