#include "postgres/pauses.hpp"

#include "core/json_object.hpp"
#include "domain/records.hpp"
#include "postgres/codec.hpp"
#include "postgres/json.hpp"
#include "postgres/shop_names.hpp"
#include "postgres/timer_json.hpp"
#include "runtime/pipeline.hpp"

namespace relevo {
namespace {

// A kept record asks again by itself after this long: should a resumption ever miss it, it is late, not lost.
// Each time it goes through the log, where others overtake it: seldom, and within the day that records last.
constexpr Millis keep_for{6 * 3'600'000};

// Some 10 ms of one transaction, and 200 ms of wake's work.
constexpr int woken_at_once = 1'000;

Task<TenantId> find_tenant(Database& database, std::string slug) {
    if (slug.empty()) co_return TenantId{};
    co_return co_await require_shop(database, std::move(slug));
}

Task<void> wake_kept(Database& database, TenantId tenant, std::string stage) {
    for (SysTime from{};;) {
        std::string request =
            JsonObject().text("stage", stage).number("limit", woken_at_once).time("from", from).str();
        const Json woken = Json::parse(co_await database.call("wake_kept", tenant, std::move(request)));
        if (woken.number("count") < woken_at_once) co_return;
        from = woken.time("until");
    }
}

}  // namespace

Task<void> PostgresPauses::read() {
    const std::string result = co_await database_.call("list_pauses", TenantId{}, "{}");
    std::map<std::string, StagePause, std::less<>> found;
    for (const auto& row : Json::parse(result).items()) {
        StagePause& pause = found[row.text("stage")];
        if (const TenantId tenant{row.number("tenant")}; tenant.value == 0) {
            pause.all = true;
        } else {
            pause.tenants.insert(tenant.to_string());
        }
    }
    ByStage known;
    for (auto& [stage, pause] : found) known[stage] = std::make_shared<const StagePause>(std::move(pause));
    const std::lock_guard lock(mutex_);
    known_ = std::move(known);
}

std::shared_ptr<const StagePause> PostgresPauses::of(std::string_view stage) const {
    static const auto nothing = std::make_shared<const StagePause>();
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(stage);
    return found == known_.end() ? nothing : found->second;
}

Task<void> PostgresPauses::keep(std::string stage, Record record, SysTime now) {
    const TenantId tenant = tenant_of_key(record.key);
    const Timer timer{now + keep_for, std::move(record)};
    std::string request = timer_json(timer).text("stage", stage).time("now", now).str();
    co_await database_.call("keep_paused", tenant, std::move(request));
}

Task<std::vector<Pause>> list_pauses(Database& database) {
    const std::string result = co_await database.call("list_pauses", TenantId{}, "{}");
    std::vector<Pause> out;
    for (const auto& row : Json::parse(result).items()) {
        out.push_back(
            {row.text("stage"), row.text("shop"), row.text("by"), row.text("reason"), row.time("since")});
    }
    co_return out;
}

Task<void> pause(Database& database, Pause pause) {
    const TenantId tenant = co_await find_tenant(database, pause.shop);
    std::string request =
        JsonObject().text("stage", pause.stage).text("by", pause.by).text("reason", pause.reason).str();
    co_await database.call("pause", tenant, std::move(request));
}

Task<bool> resume(Database& database, std::string stage, std::string topic, std::string shop) {
    const TenantId tenant = co_await find_tenant(database, shop);
    std::vector<std::pair<TenantId, std::string>> waiting;
    if (tenant.value != 0) {
        waiting.emplace_back(tenant, "{}");
    } else {
        for (const auto& each : co_await list_shop_names(database)) waiting.emplace_back(each.tenant, "{}");
    }
    // bubbles that are tried again come to relay out of wake
    if (topic == topics::replies_ready || topic == timers_input) {
        co_await database.call_all("keep_places", std::move(waiting));
    }
    std::string request = JsonObject().text("stage", stage).str();
    const std::string result = co_await database.call("resume", tenant, std::move(request));
    // also where it was resumed before: a resumption that was cut off is finished by the next one
    if (tenant.value != 0) co_await wake_kept(database, tenant, stage);
    co_return Json::parse(result).flag();
}

Task<std::int64_t> count_due_timers(Database& database, SysTime now) {
    constexpr int most = 10'000;
    std::string request = JsonObject().time("now", now).number("most", most).str();
    const std::string count = co_await database.call("count_due_timers", TenantId{}, std::move(request));
    co_return Json::parse(count).number();
}

}  // namespace relevo
