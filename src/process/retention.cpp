#include "process/retention.hpp"

#include "core/log.hpp"
#include "postgres/retention.hpp"
#include "postgres/shop_names.hpp"

namespace relevo {
namespace {

constexpr Millis every{6 * 3'600'000};
constexpr Millis look_again{60'000};
constexpr Millis between_steps{50};  // customers go first

Task<void> sweep(Shared& shared) {
    if (!co_await take_sweep(shared.database, shared.clock.now(), every)) co_return;
    for (const auto& shop : co_await list_shop_names(shared.database)) {
        co_await release_calls(shared.database, shared.clock.now(), shop.tenant);
        const Forgotten forgotten =
            co_await forget_old(shared.database, shared.clock, shop.tenant, between_steps);
        const auto count = [&](const char* what, std::int64_t many) {
            shared.metrics.count("forgotten", "What was older than its shop keeps it", "what", what,
                                 static_cast<double>(many));
        };
        count("messages", forgotten.messages);
        count("archived", forgotten.archived);
        count("letters", forgotten.letters);
    }
    shared.metrics.set("forgotten_at_seconds", "When the last sweep of what is too old ended, since 1970", {},
                       static_cast<double>(to_millis(shared.clock.now())) / 1'000);
}

}  // namespace

Task<void> keep_retention(Shared& shared) {
    for (;;) {
        try {
            co_await sweep(shared);
        } catch (const Failure& failure) {
            // the next sweep begins where rows are left
            log_warn("retention.cut_off", {{"code", failure.error().code}, {"text", failure.error().text}});
        }
        co_await shared.clock.sleep_until(shared.clock.now() + look_again);
    }
}

}  // namespace relevo
