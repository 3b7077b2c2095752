#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "postgres/persons.hpp"
#include "tests/postgres/fixture.hpp"

namespace relevo::testing {

constexpr auto ana = "5491150000001";
constexpr auto eva = "5491150000002";

inline void ignored(const ErasureNote&) {}

/// The clock of the database, where contacts are met: erasures of tests come after that.
SysTime later();

/// The fixture with what erases a person, and with what is left of one.
struct Erasing : Fixture {
    PersonName name(const std::string& person = ana) { return {{}, "whatsapp", person}; }
    Secret key();
    /// An erasure's id.
    std::string drawn();
    KnownPerson known(const std::string& person = ana);
    Erased erase(const std::string& person = ana, SysTime when = later());

    /// Every row of every table of people, but for those of the named person.
    std::string rows_but(const std::string& person) const;
    /// How many there are in those tables.
    std::int64_t rows() const;
    /// Everything that the database holds, as text: what a dump would show.
    std::string everything() const;
    static std::vector<std::string> split(const std::string& lines);

    static DeadLetter letter(const std::string& key, const std::string& value, std::int64_t offset);
};

}  // namespace relevo::testing
