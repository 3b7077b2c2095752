#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "domain/person_book.hpp"
#include "postgres/database.hpp"
#include "postgres/vault.hpp"

namespace relevo {

/// An erasure as every copy of the database must know of it: what the log keeps of it.
struct ErasureNote {
    TenantId tenant;
    std::string erasure;  ///< a UUID
    SysTime erased_at{};
    std::string by;
    std::vector<std::string> marks;  ///< of the person's names
};

/// Contacts that the name means.
Task<std::vector<std::string>> find_contacts(Database& database, TenantId tenant, PersonName name);
/// With the rows where `count`. Where no contact is meant the name itself is the one alias; else they are all
/// that any of the person's contacts is called by: aliases, phone numbers, e-mail addresses, ids.
Task<KnownPerson> read_person(Database& database, TenantId tenant, PersonName name, std::string contact,
                              bool count);

/// The tenant's key of marks, drawn where it has none.
Task<Secret> ensure_erasure_key(Database& database, PostgresVault& vault, TenantId tenant, Random& random);
/// Keeps this key where the tenant has none. Whether the tenant's is this one then.
Task<bool> restore_erasure_key(Database& database, PostgresVault& vault, TenantId tenant, Secret key);

/// From now on nothing is stored that was written under the marks before. Goes on under the id of an erasure
/// of theirs that was cut off, and gives that one. A new one the audit log has as the contact's.
Task<ErasureNote> note_erasure(Database& database, ErasureNote note, std::string contact = {});
/// The same, with the marks of these names.
Task<ErasureNote> begin_erasure(Database& database, ErasureNote note, std::vector<Alias> aliases, Secret key,
                                std::string contact = {});

/// Told of an erasure before any row goes, and again where names have come in meanwhile: it is to be kept
/// where a restored database finds it. May throw.
using TellNoted = std::function<void(const ErasureNote&)>;
/// Erases everything of the person. Idempotent. Error "person.shared": they have become more contacts than
/// a person can be; nothing went then, and the erasure stays open.
Task<Result<Erased>> erase_person(Database& database, ErasureNote note, KnownPerson person, Secret key,
                                  TellNoted noted, TellLooked tell);

/// The last erasure of whoever was called so.
Task<std::optional<Erased>> find_erasure(Database& database, TenantId tenant, Secret key, std::string name);

/// Of these, the ids that the database knows nothing of, though it had the tenant already.
Task<std::vector<std::string>> unknown_erasures(Database& database, TenantId tenant,
                                                std::vector<ErasureNote> notes);
/// Those that have begun and did not end.
Task<std::vector<ErasureNote>> open_erasures(Database& database, TenantId tenant);
/// Finishes them: looks for those whom the marks name among all contacts that are older, and takes nobody
/// else along. How many.
Task<std::int64_t> finish_erasures(Database& database, TenantId tenant, std::vector<ErasureNote> open,
                                   Secret key, TellNoted noted);

}  // namespace relevo
