#include "postgres/retention.hpp"

#include "core/json_object.hpp"
#include "postgres/json.hpp"

namespace relevo {
namespace {

// Some 50 ms of one transaction, which holds the locks of the conversations that it changes.
constexpr int conversations_at_once = 500;
constexpr int rows_at_once = 200;

}  // namespace

Task<bool> take_sweep(Database& database, SysTime now, Millis every) {
    std::string request = JsonObject().time("now", now).number("every_ms", every.count()).str();
    co_return Json::parse(co_await database.call("take_sweep", TenantId{}, std::move(request))).flag();
}

Task<void> release_calls(Database& database, SysTime now, TenantId tenant) {
    std::string request = JsonObject().time("now", now).str();
    co_await database.call("release_calls", tenant, std::move(request));
}

Task<Forgotten> forget_old(Database& database, Clock& clock, TenantId tenant, Millis pause) {
    Forgotten forgotten;
    const SysTime now = clock.now();
    std::string after;
    for (bool more = true; more;) {
        std::string request = JsonObject()
                                  .time("now", now)
                                  .text_if_any("after", after)
                                  .number("look", conversations_at_once)
                                  .number("most", rows_at_once)
                                  .str();
        const Json step = Json::parse(co_await database.call("forget", tenant, std::move(request)));
        forgotten.messages += step.number("messages");
        after = step.text("after");
        more = step.flag("more");
        if (more) co_await clock.sleep_until(clock.now() + pause);
    }
    for (bool more = true; more;) {
        std::string request = JsonObject().time("now", now).number("most", rows_at_once).str();
        const Json step = Json::parse(co_await database.call("forget_rest", tenant, std::move(request)));
        forgotten.archived += step.number("archived");
        forgotten.letters += step.number("letters");
        more = step.number("events") + step.number("archived") + step.number("letters") +
                   step.number("removed") >=
               rows_at_once;
        if (more) co_await clock.sleep_until(clock.now() + pause);
    }
    co_return forgotten;
}

}  // namespace relevo
