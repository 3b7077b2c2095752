#include <charconv>

#include "api/list.hpp"

namespace relevo {
namespace {

// A caller goes on with the cursor. Most rows have some 500 bytes, an agent's has its prompts.
constexpr int export_page = 200;
constexpr int export_rows = 10'000;
constexpr std::size_t export_bytes = 8 << 20;

std::string json_of(const AuditRow& row) {
    const std::string actor =
        JsonObject().text("kind", row.actor.kind).text("id", row.actor.id).text("name", row.actor.name).str();
    JsonObject object;
    object.number("id", row.id);
    add_time(object, "at", row.at);
    object.raw("actor", actor).text_if_any("trace", row.actor.trace);
    object.text("action", row.action).text("subject", row.subject);
    return object.raw("before", row.before).raw("after", row.after).str();
}

std::string place_of(const AuditRow& row) {
    return std::to_string(row.id);
}

// Or what is wrong with it.
std::variant<AuditQuery, Problem> query_of(const ApiCall& call) {
    AuditQuery query;
    query.actor = call.parameter("actor");
    query.subject = call.parameter("subject");
    query.action = call.parameter("action");
    if (auto problem = read_moment(call, "since", query.since)) return std::move(*problem);
    if (auto problem = read_moment(call, "until", query.until)) return std::move(*problem);
    if (call.after) {
        const auto& key = *call.after;
        const auto read = std::from_chars(key.data(), key.data() + key.size(), query.before);
        if (read.ec != std::errc() || query.before <= 0) return bad_cursor();
    }
    query.limit = call.limit() + 1;
    return query;
}

Task<ApiResult> list(ApiCall& call) {
    auto query = query_of(call);
    if (auto* problem = std::get_if<Problem>(&query)) co_return std::move(*problem);
    auto asked = call.stores.people().audit(call.tenant(), std::get<AuditQuery>(query));
    const auto rows = co_await std::move(asked);
    co_return page(call, rows, json_of, place_of);
}

Task<ApiResult> export_lines(ApiCall& call) {
    auto query = query_of(call);
    if (auto* problem = std::get_if<Problem>(&query)) co_return std::move(*problem);
    auto& next = std::get<AuditQuery>(query);
    next.limit = export_page;
    Answer answer{.content_type = "application/x-ndjson"};
    for (int rows = 0; rows < export_rows; rows += export_page) {
        auto asked = call.stores.people().audit(call.tenant(), next);
        const auto page = co_await std::move(asked);
        for (const auto& row : page) answer.body += json_of(row) + '\n';
        if (page.size() < export_page) co_return answer;
        next.before = page.back().id;
        if (answer.body.size() >= export_bytes) break;
    }
    answer.headers.emplace_back("Next-Cursor", cursor_of(call.query, std::to_string(next.before)));
    co_return answer;
}

}  // namespace

void add_audit_handlers(ApiHandlers& handlers) {
    handlers["list_audit"] = list;
    handlers["export_audit"] = export_lines;
}

}  // namespace relevo
