#include "runtime/delivery_metrics.hpp"

#include <doctest/doctest.h>

#include "runtime/metrics.hpp"

namespace relevo {

TEST_CASE("what keeps bubbles from their providers is counted by channel, never by account") {
    Metrics metrics;
    DeliveryMetrics watch(metrics.registry());
    watch.breaker_opened("whatsapp", "1001");
    watch.breaker_opened("whatsapp", "1002");
    watch.breaker_closed("whatsapp", "1001");
    watch.parked("telegram", Admission::Hold::pace);
    watch.paced("telegram", Millis{300});
    const std::string text = metrics.text();
    for (const auto* line : {"relevo_open_breakers{channel=\"whatsapp\"} 1",
                             "relevo_breaker_openings_total{channel=\"whatsapp\"} 2",
                             "relevo_parked_bubbles_total{channel=\"telegram\",reason=\"pace\"} 1",
                             "relevo_pace_wait_seconds_count{channel=\"telegram\"} 1"}) {
        CHECK_MESSAGE(text.find(line) != std::string::npos, text);
    }
    CHECK(text.find("1001") == std::string::npos);
}

}  // namespace relevo
