#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "domain/inbound.hpp"

namespace relevo {

/// Of whom somebody speaks: a contact's id, or a channel and the name that it knows them by, as
/// "whatsapp:+54 9 11 5555-0001".
struct PersonName {
    std::string contact;  ///< a UUID; else the other two
    std::string channel;
    std::string address;
};
/// Throws Failure "usage.invalid".
PersonName parse_person(std::string_view text);

/// Who that is, and what there is of them.
struct KnownPerson {
    std::string contact;  ///< empty: nobody is known by that name; there may be dead letters. Or `contacts`
                          ///< are meant and no others
    std::vector<Alias> aliases;
    std::map<std::string, std::int64_t> rows;  ///< by table
    std::vector<std::string> contacts = {};    ///< that are the same person; `contact` is one of them
};

/// Who shares a phone number or an e-mail address is taken for one person. Of more contacts than these it is
/// a company's, and nobody's own: most_contacts of migrations/0052_person_contacts.sql.
inline constexpr std::size_t most_contacts_of_person = 10;
/// "person.shared" (permanent): what to do about so many.
Error too_many_contacts();

/// An erasure that is done.
struct Erased {
    std::string erasure;
    SysTime erased_at{};  ///< what was written up to then does not come back
    std::map<std::string, std::int64_t> rows;
};

/// Told while it goes on: the part of the archive that was looked through, 0 to 1.
using TellLooked = std::function<void(double done)>;
/// Takes a document piece by piece.
using WriteText = std::function<void(std::string_view)>;

/// A shop's customers as persons with rights, for the command line: blocks. Every call may throw Failure
/// "shop.unknown"; "person.several" where a name means several contacts, and says which;
/// "person.shared".
class PersonBook {
  public:
    virtual ~PersonBook() = default;
    virtual KnownPerson find(const std::string& shop, const PersonName& name) = 0;
    /// Erases everything of every alias, for good: noted in the log first, so that a database that is
    /// restored learns of it. Cut off at any moment it is finished by asking again, or by the next process
    /// that starts.
    virtual Erased erase(const std::string& shop, const PersonName& name, const std::string& by,
                         const TellLooked& tell) = 0;
    /// One JSON document of all that is kept. Needs the role that may read what people wrote.
    virtual void write(const std::string& shop, const PersonName& name, const WriteText& out) = 0;
    /// Brings a restored database up to date with the log's erasures, and finishes those that were cut off:
    /// how many.
    virtual std::int64_t reapply() = 0;
};

}  // namespace relevo
