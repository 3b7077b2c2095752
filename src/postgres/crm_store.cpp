#include <array>
#include <utility>

#include "core/json_object.hpp"
#include "postgres/actor_json.hpp"
#include "postgres/ask.hpp"
#include "postgres/request_stores.hpp"

namespace relevo {
namespace {

using Outcome = CrmStore::Outcome;

constexpr std::array<std::pair<std::string_view, Outcome>, 9> outcomes{
    {{"done", Outcome::done},
     {"taken", Outcome::taken},
     {"in_use", Outcome::in_use},
     {"no_company", Outcome::no_company},
     {"no_division", Outcome::no_division},
     {"no_contact", Outcome::no_contact},
     {"no_product", Outcome::no_product},
     {"same_product", Outcome::same_product},
     {"nobody", Outcome::nobody}}};

Outcome parse_outcome(const std::string& name) {
    for (const auto& [known, outcome] : outcomes) {
        if (name == known) return outcome;
    }
    return Outcome::not_found;
}

CrmRow parse_row(const Json& json) {
    return {json.id<CrmId>("id"), json.source()};
}

// The members as they came, then ours: of two of one name the database takes the last.
std::string request_of(CrmKind kind, CrmId id, const Actor& actor, const std::string& members = "{}") {
    const std::string ours = JsonObject().raw("actor", actor_json(actor)).id(name_of(kind), id).str();
    if (members == "{}") return ours;
    return members.substr(0, members.size() - 1) + "," + ours.substr(1);
}

// Each call is one operation of migrations/0047_companies.sql.
class PostgresCrmStore final : public CrmStore {
  public:
    explicit PostgresCrmStore(Database& database) : database_(database) {}

    Task<std::vector<CrmRow>> list(TenantId tenant, CrmKind kind, CrmQuery query) override {
        JsonObject request;
        for (const auto& [member, value] : query.wanted) request.text(member, value);
        if (query.after) request.id("after", *query.after);
        request.number("limit", query.limit);
        const Json found =
            co_await ask(database_, "list_" + std::string(plural_of(kind)), tenant, request.str());
        std::vector<CrmRow> rows;
        for (const auto& row : found.items()) rows.push_back(parse_row(row));
        co_return rows;
    }

    Task<std::optional<CrmRow>> find(TenantId tenant, CrmKind kind, CrmId id) override {
        std::string request = JsonObject().id(name_of(kind), id).str();
        const Json found =
            co_await ask(database_, "get_" + std::string(name_of(kind)), tenant, std::move(request));
        if (found.null()) co_return std::nullopt;
        co_return parse_row(found);
    }

    Task<Outcome> add(TenantId tenant, CrmKind kind, CrmId id, std::string members, Actor actor) override {
        co_return co_await change_by("add", tenant, kind, request_of(kind, id, actor, members));
    }

    Task<Outcome> change(TenantId tenant, CrmKind kind, CrmId id, std::string members, Actor actor) override {
        co_return co_await change_by("change", tenant, kind, request_of(kind, id, actor, members));
    }

    Task<Outcome> remove(TenantId tenant, CrmKind kind, CrmId id, Actor actor) override {
        co_return co_await change_by("remove", tenant, kind, request_of(kind, id, actor));
    }

  private:
    Task<Outcome> change_by(std::string verb, TenantId tenant, CrmKind kind, std::string request) {
        const Json outcome = co_await ask(database_, std::move(verb) + "_" + std::string(name_of(kind)),
                                          tenant, std::move(request));
        co_return parse_outcome(outcome.text());
    }

    Database& database_;
};

}  // namespace

std::unique_ptr<CrmStore> make_crm_store(Database& database) {
    return std::make_unique<PostgresCrmStore>(database);
}

}  // namespace relevo
