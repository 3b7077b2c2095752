#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "domain/crm.hpp"

namespace relevo::testing {

/// A row's members, each as JSON.
using CrmMembers = std::map<std::string, std::string>;
using CrmRows = std::map<std::tuple<TenantId, CrmKind, CrmId>, CrmMembers>;

/// Rows in memory: members come and go as they are stated. What the real one refuses is tested beside it.
class FakeCrmStore final : public CrmStore {
  public:
    /// `start` notes a change, unless it was made before: then it says no. `settle` comes after it.
    FakeCrmStore(CrmRows& rows, const Outcome& refuse,
                 std::function<bool(const std::string&, const Actor&)> start, std::function<void()> settle)
        : rows_(rows), refuse_(refuse), start_(std::move(start)), settle_(std::move(settle)) {}

    Task<std::vector<CrmRow>> list(TenantId tenant, CrmKind kind, CrmQuery query) override;
    Task<std::optional<CrmRow>> find(TenantId tenant, CrmKind kind, CrmId id) override;
    Task<Outcome> add(TenantId tenant, CrmKind kind, CrmId id, std::string members, Actor actor) override;
    Task<Outcome> change(TenantId tenant, CrmKind kind, CrmId id, std::string members, Actor actor) override;
    Task<Outcome> remove(TenantId tenant, CrmKind kind, CrmId id, Actor actor) override;

  private:
    CrmRows& rows_;
    const Outcome& refuse_;
    std::function<bool(const std::string&, const Actor&)> start_;
    std::function<void()> settle_;
};

/// What a row has that nobody stated.
CrmMembers crm_members(CrmKind kind, CrmId id);

}  // namespace relevo::testing
