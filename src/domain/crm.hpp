#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/identity_stores.hpp"

namespace relevo {

/// Whom a shop sells to: companies have divisions, contacts work there, and opportunities are what a contact
/// or a company may buy.
enum class CrmKind { company, division, contact, opportunity };

using CrmId = Uuid<struct CrmTag>;

/// One of them. Its members are those of the API's document, which is what states them.
struct CrmRow {
    CrmId id;
    std::string json;
};

struct CrmQuery {
    std::map<std::string, std::string> wanted;  ///< members and what they must be
    std::optional<CrmId> after;                 ///< the one that the last page ended with
    int limit = 50;                             ///< at most 1,000
};

/// What a shop knows of whom it sells to. What it answers about another tenant's ids is what it answers about
/// ids that nobody has. Every change is noted, without what is personal. Calls throw as those of PeopleStore
/// do.
class CrmStore {
  public:
    /// taken: another one has the CRM's id. in_use: others belong to it. no_…: it names one that is not
    /// there. same_product: recommended twice. nobody: an opportunity of no contact and no company.
    enum class Outcome {
        done,
        not_found,
        taken,
        in_use,
        no_company,
        no_division,
        no_contact,
        no_product,
        same_product,
        nobody
    };

    virtual ~CrmStore() = default;
    /// By id.
    virtual Task<std::vector<CrmRow>> list(TenantId tenant, CrmKind kind, CrmQuery query) = 0;
    virtual Task<std::optional<CrmRow>> find(TenantId tenant, CrmKind kind, CrmId id) = 0;
    /// `members` is a JSON object.
    virtual Task<Outcome> add(TenantId tenant, CrmKind kind, CrmId id, std::string members, Actor actor) = 0;
    /// Members that are not stated stay, null takes away.
    virtual Task<Outcome> change(TenantId tenant, CrmKind kind, CrmId id, std::string members,
                                 Actor actor) = 0;
    /// Takes it out of the lists; the row stays.
    virtual Task<Outcome> remove(TenantId tenant, CrmKind kind, CrmId id, Actor actor) = 0;
};

/// "company"
std::string_view name_of(CrmKind kind);
/// "companies"
std::string_view plural_of(CrmKind kind);

}  // namespace relevo
