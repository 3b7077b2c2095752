#include "api/list.hpp"
#include "domain/money_json.hpp"

namespace relevo {
namespace {

// A sum reads every call of its span.
constexpr Millis longest_span = std::chrono::days(366);

std::string json_of(const UsageRow& row) {
    const UsageLine& line = row.line;
    JsonObject object;
    object.text("key", line.key).text_if_any("name", row.name);
    add_usage(object, line);
    return object.str();
}

Task<ApiResult> list(ApiCall& call) {
    UsageQuery query;
    query.by = call.parameter("by");
    if (auto problem = read_moment(call, "since", query.since)) co_return std::move(*problem);
    if (auto problem = read_moment(call, "until", query.until)) co_return std::move(*problem);
    if (query.until.value_or(call.now) - query.since.value_or(SysTime{}) > longest_span) {
        co_return bad_parameter("since", "a span has at most 366 days; ask for one after the other");
    }
    if (!call.parameter("agent").empty()) query.agent = call.whole("agent", 0);
    query.conversation = ConversationId::parse(call.parameter("conversation"));
    const bool by_id = query.by == "turn" || query.by == "conversation";
    if (call.after && by_id && !ConversationId::parse(*call.after)) co_return bad_cursor();
    query.after = call.after;
    query.limit = call.limit() + 1;
    auto asked = call.stores.billing().usage(call.tenant(), std::move(query));
    const auto rows = co_await std::move(asked);
    co_return page(
        call, rows, [](const UsageRow& row) { return json_of(row); },
        [](const UsageRow& row) { return row.line.key; });
}

}  // namespace

void add_usage_handlers(ApiHandlers& handlers) {
    handlers["list_usage"] = list;
}

}  // namespace relevo
