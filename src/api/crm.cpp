#include <array>

#include "api/list.hpp"

namespace relevo {
namespace {

using Outcome = CrmStore::Outcome;

constexpr std::array kinds{CrmKind::company, CrmKind::division, CrmKind::contact, CrmKind::opportunity};

CrmId id_of(const ApiCall& call, CrmKind kind) {
    return call.id<CrmId>(name_of(kind));
}

std::string title_of(CrmKind kind) {
    std::string title(name_of(kind));
    title.front() = static_cast<char>(title.front() - 'a' + 'A');
    return title;
}

Problem none(CrmKind kind, CrmId id) {
    return not_found(title_of(kind), id.to_string());
}

// As an id in the path, which may be another shop's too.
Problem unknown_member(std::string_view what, std::string pointer) {
    Problem problem = not_found(what, "");
    problem.flaws.push_back({std::move(pointer), {}, "names none that the shop has"});
    return problem;
}

// What the store refused. Not for Outcome::done.
Problem refusal(Outcome outcome, CrmKind kind, CrmId id) {
    const std::string name(name_of(kind));
    switch (outcome) {
        case Outcome::taken:
            return {409, "api.taken",
                    "another " + name + " has this crm_" + name + "_id; look it up, and change that one"};
        case Outcome::in_use:
            return {409, "api.in_use",
                    "others belong to this " + name +
                        ": divisions, contacts or opportunities; delete them first"};
        case Outcome::no_company:
            return unknown_member("Company", "#/company");
        case Outcome::no_division:
            return unknown_member("Division", "#/division");
        case Outcome::no_contact:
            return unknown_member("Contact", "#/contact");
        case Outcome::no_product:
            return unknown_member("Product", "#/recommendations");
        case Outcome::same_product:
            return bad_member("#/recommendations", "names a product twice");
        case Outcome::nobody:
            return bad_member("#/contact", "is missing, and so is the company: name one of them");
        default:
            return none(kind, id);
    }
}

// What the document has in the query besides the page.
CrmQuery query_of(const ApiCall& call) {
    CrmQuery query;
    for (const auto& parameter : call.operation.parameters) {
        const bool pages = parameter.name == "cursor" || parameter.name == "limit";
        if (parameter.in != ApiParameter::In::query || pages) continue;
        const auto value = call.parameter(parameter.name);
        if (!value.empty()) query.wanted.emplace(parameter.name, value);
    }
    query.limit = call.limit() + 1;
    return query;
}

Task<ApiResult> list(ApiCall& call, CrmKind kind) {
    CrmQuery query = query_of(call);
    if (call.after && !(query.after = CrmId::parse(*call.after))) co_return bad_cursor();
    auto asked = call.stores.crm().list(call.tenant(), kind, std::move(query));
    const auto rows = co_await std::move(asked);
    co_return page(
        call, rows, [](const CrmRow& row) { return row.json; },
        [](const CrmRow& row) { return row.id.to_string(); });
}

Task<ApiResult> read(ApiCall& call, CrmKind kind) {
    const auto id = id_of(call, kind);
    auto asked = call.stores.crm().find(call.tenant(), kind, id);
    auto row = co_await std::move(asked);
    if (!row) co_return none(kind, id);
    co_return entity(std::move(row->json));
}

Task<ApiResult> add(ApiCall& call, CrmKind kind) {
    const auto id = call.new_id<CrmId>();
    auto asked = call.stores.crm().add(call.tenant(), kind, id, call.body.source(), call.actor());
    const auto outcome = co_await std::move(asked);
    if (outcome != Outcome::done && outcome != Outcome::taken) co_return refusal(outcome, kind, id);
    auto read_back = call.stores.crm().find(call.tenant(), kind, id);
    auto row = co_await std::move(read_back);
    if (outcome == Outcome::taken && row) {
        co_return Problem{409, "api.taken",
                          "the Idempotency-Key made this " + std::string(name_of(kind)) +
                              " more than a day ago: it is " + id.to_string() + "; send another one"};
    }
    if (outcome != Outcome::done) co_return refusal(outcome, kind, id);
    if (!row) co_return none(kind, id);
    Answer answer = entity(std::move(row->json), 201);
    answer.headers.emplace_back("Location", "/v1/" + std::string(plural_of(kind)) + "/" + id.to_string());
    co_return answer;
}

Task<ApiResult> change(ApiCall& call, CrmKind kind) {
    const auto id = id_of(call, kind);
    call.stores.hold();
    auto asked = call.stores.crm().find(call.tenant(), kind, id);
    const auto before = co_await std::move(asked);
    if (!before) co_return none(kind, id);
    if (auto problem = check_if_match(call, before->json)) co_return std::move(*problem);
    auto changed = call.stores.crm().change(call.tenant(), kind, id, call.body.source(), call.actor());
    const auto outcome = co_await std::move(changed);
    if (outcome != Outcome::done) co_return refusal(outcome, kind, id);
    auto read_back = read(call, kind);
    co_return co_await std::move(read_back);
}

Task<ApiResult> remove(ApiCall& call, CrmKind kind) {
    const auto id = id_of(call, kind);
    auto asked = call.stores.crm().remove(call.tenant(), kind, id, call.actor());
    const auto outcome = co_await std::move(asked);
    if (outcome != Outcome::done) co_return refusal(outcome, kind, id);
    co_return Answer{.status = 204};
}

}  // namespace

void add_crm_handlers(ApiHandlers& handlers) {
    for (const CrmKind kind : kinds) {
        const std::string one(name_of(kind));
        handlers["list_" + std::string(plural_of(kind))] = [kind](ApiCall& call) { return list(call, kind); };
        handlers["read_" + one] = [kind](ApiCall& call) { return read(call, kind); };
        handlers["add_" + one] = [kind](ApiCall& call) { return add(call, kind); };
        handlers["change_" + one] = [kind](ApiCall& call) { return change(call, kind); };
        handlers["remove_" + one] = [kind](ApiCall& call) { return remove(call, kind); };
    }
}

}  // namespace relevo
