#include "tests/api/fake_crm.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "core/json_object.hpp"

namespace relevo::testing {
namespace {

void state(CrmMembers& row, const std::string& members) {
    rapidjson::Document stated;
    stated.Parse(members.data(), members.size());
    for (const auto& [name, value] : stated.GetObject()) {
        rapidjson::StringBuffer buffer;
        rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
        value.Accept(writer);
        row[name.GetString()] = {buffer.GetString(), buffer.GetSize()};
        if (value.IsNull()) row.erase(name.GetString());
    }
}

std::string json_of(const CrmMembers& row) {
    JsonObject object;
    for (const auto& [name, json] : row) object.raw(name, json);
    return object.str();
}

}  // namespace

CrmMembers crm_members(CrmKind kind, CrmId id) {
    CrmMembers row{{"id", json_text(id.to_string())},
                   {"created_at", R"("2026-05-31T00:00:00.000Z")"},
                   {"updated_at", R"("2026-05-31T00:00:00.000Z")"}};
    if (kind == CrmKind::contact) row["aliases"] = "[]";
    if (kind == CrmKind::opportunity) {
        row["stage"] = R"("new")";
        row["recommendations"] = "[]";
    }
    return row;
}

Task<std::vector<CrmRow>> FakeCrmStore::list(TenantId tenant, CrmKind kind, CrmQuery query) {
    std::vector<CrmRow> page;
    for (const auto& [key, row] : rows_) {
        const auto& [its_tenant, its_kind, id] = key;
        bool wanted = its_tenant == tenant && its_kind == kind && (!query.after || id > *query.after);
        for (const auto& [name, value] : query.wanted) {
            const auto member = row.find(name);
            wanted = wanted && member != row.end() && member->second == json_text(value);
        }
        if (wanted && std::ssize(page) < query.limit) page.push_back({id, json_of(row)});
    }
    co_return page;
}

Task<std::optional<CrmRow>> FakeCrmStore::find(TenantId tenant, CrmKind kind, CrmId id) {
    const auto found = rows_.find({tenant, kind, id});
    if (found == rows_.end()) co_return std::nullopt;
    co_return CrmRow{id, json_of(found->second)};
}

Task<CrmStore::Outcome> FakeCrmStore::add(TenantId tenant, CrmKind kind, CrmId id, std::string members,
                                          Actor actor) {
    if (refuse_ != Outcome::done) co_return refuse_;
    if (!start_("add_" + std::string(name_of(kind)), actor)) co_return Outcome::done;
    CrmMembers row = crm_members(kind, id);
    state(row, members);
    rows_[{tenant, kind, id}] = std::move(row);
    settle_();
    co_return Outcome::done;
}

Task<CrmStore::Outcome> FakeCrmStore::change(TenantId tenant, CrmKind kind, CrmId id, std::string members,
                                             Actor actor) {
    if (refuse_ != Outcome::done) co_return refuse_;
    const auto found = rows_.find({tenant, kind, id});
    if (found == rows_.end()) co_return Outcome::not_found;
    if (!start_("change_" + std::string(name_of(kind)), actor)) co_return Outcome::done;
    state(found->second, members);
    settle_();
    co_return Outcome::done;
}

Task<CrmStore::Outcome> FakeCrmStore::remove(TenantId tenant, CrmKind kind, CrmId id, Actor actor) {
    if (refuse_ != Outcome::done) co_return refuse_;
    if (!rows_.contains({tenant, kind, id})) co_return Outcome::not_found;
    if (start_("remove_" + std::string(name_of(kind)), actor)) rows_.erase({tenant, kind, id});
    settle_();
    co_return Outcome::done;
}

}  // namespace relevo::testing
