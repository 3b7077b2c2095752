#pragma once

#include <memory>
#include <string>

#include "cli/config.hpp"
#include "domain/person_book.hpp"
#include "domain/person_store.hpp"

namespace relevo {

/// How long its calls wait for servers.
struct PersonLimits {
    Millis database{120'000};  ///< all of a person goes in one statement, for one who waits at a terminal
    Millis log{10'000};
};

/// What it changes is noted as `user`'s, who types the command; empty: as the process's own.
std::unique_ptr<PersonBook> make_person_book(const Config& config, const std::string& user,
                                             PersonLimits limits = {});

/// Erases as the book does, on the caller's thread, for whom a request of the API names; `actor` is who asks.
/// Errors and exceptions as PersonErasure has them.
Result<Erased> erase_contact(const Config& config, TenantId tenant, CrmId contact, const Actor& actor,
                             PersonLimits limits);

}  // namespace relevo
