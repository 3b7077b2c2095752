#include "api/list.hpp"

namespace relevo {
namespace {

Problem refusal_of(const Error& error, CrmId contact) {
    if (error.code == "person.unknown") return not_found("Contact", contact.to_string());
    return problem_of(error, 409);
}

Task<ApiResult> export_page(ApiCall& call) {
    const auto contact = call.id<CrmId>("contact");
    auto asked = call.stores.persons().export_page(call.tenant(), contact, call.after.value_or(""),
                                                   call.limit(), call.actor());
    const auto rows = co_await std::move(asked);
    if (!rows) co_return refusal_of(rows.error(), contact);
    JsonObject body;
    body.raw("items", json_array(rows->items));
    if (!rows->next.empty()) body.text("next", cursor_of(call.query, rows->next));
    body.text_if_any("log_subject", rows->log_subject);
    co_return Answer{.body = body.str()};
}

Task<ApiResult> erase(ApiCall& call, PersonErasure& erasure) {
    const auto contact = call.id<CrmId>("contact");
    auto asked = erasure.erase(call.tenant(), contact, call.actor());
    const auto erased = co_await std::move(asked);
    if (!erased) co_return refusal_of(erased.error(), contact);
    JsonObject rows;
    for (const auto& [table, count] : erased->rows) rows.number(table, count);
    JsonObject body;
    body.text("erasure", erased->erasure);
    add_time(body, "erased_at", erased->erased_at);
    body.raw("rows", rows.str());
    co_return Answer{.body = body.str()};
}

}  // namespace

void add_person_handlers(ApiHandlers& handlers, PersonErasure& erasure) {
    handlers["export_contact"] = export_page;
    handlers["erase_contact"] = [&erasure](ApiCall& call) { return erase(call, erasure); };
}

}  // namespace relevo
