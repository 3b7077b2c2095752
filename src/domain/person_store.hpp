#pragma once

#include <string>
#include <vector>

#include "core/task.hpp"
#include "domain/crm.hpp"
#include "domain/person_book.hpp"

namespace relevo {

// A shop's customers as persons with rights, for the API: whom a channel knows, or its CRM told of. Errors:
//  person.unknown (permanent)  the shop has no such contact
//  person.shared (permanent)   too_many_contacts

/// What is kept of a person, as the rows are.
struct PersonPage {
    std::vector<std::string> items;  ///< JSON: {"table", "row"}
    std::string next;                ///< where the next page begins; empty after the last one
    std::string log_subject;         ///< under which the audit log has the page
};

class PersonStore {
  public:
    virtual ~PersonStore() = default;
    /// `after`: where the page before ended. At most `limit` rows; fewer are not the end. Every page is
    /// noted: whoever keeps a place may begin there. Throws as the other stores do.
    virtual Task<Result<PersonPage>> export_page(TenantId tenant, CrmId contact, std::string after, int limit,
                                                 Actor actor) = 0;
};

/// Erases everything of a person, for good: noted in the log before any row goes, so that a database that is
/// restored learns of it. Cut off at any moment it is finished by asking again, or by the next process that
/// starts. Of one who was erased already it says so again. Waits for servers, on no caller's thread. Throws
/// as the stores do; "kafka.unavailable", "person.busy" (transient).
class PersonErasure {
  public:
    virtual ~PersonErasure() = default;
    virtual Task<Result<Erased>> erase(TenantId tenant, CrmId contact, Actor actor) = 0;
};

}  // namespace relevo
