#include "runtime/delivery_metrics.hpp"

#include <doctest/doctest.h>

#include "runtime/metrics.hpp"

namespace relevo {

TEST_CASE("what keeps bubbles from their providers is counted by channel, never by account") {
    Metrics metrics;
    DeliveryMetrics watch(metrics.registry());
    for (const auto* account : {"1001", "1002"}) {
        watch.breaker_opened("whatsapp", account);
        watch.left_alone("whatsapp", account, SysTime{Millis{1'000}});
    }
    watch.breaker_closed("whatsapp", "1001");
    watch.failed("whatsapp", "whatsapp.bad_token");
    watch.parked("telegram", Admission::Hold::pace);
    watch.paced("telegram", Millis{300});
    const std::string text = metrics.text();
    for (const auto* line :
         {"relevo_open_breakers{channel=\"whatsapp\"} 1",
          "relevo_breaker_openings_total{channel=\"whatsapp\"} 2",
          "relevo_delivery_errors_total{channel=\"whatsapp\",code=\"whatsapp.bad_token\"} 1",
          "relevo_parked_bubbles_total{channel=\"telegram\",reason=\"pace\"} 1",
          "relevo_pace_wait_seconds_count{channel=\"telegram\"} 1"}) {
        CHECK_MESSAGE(text.find(line) != std::string::npos, text);
    }
    CHECK(text.find("1001") == std::string::npos);
}

TEST_CASE("an open breaker that nobody asks for any more is not told for ever") {
    Metrics metrics;
    DeliveryMetrics watch(metrics.registry());
    const auto open = [&](const std::string& count) {
        return metrics.text().find("relevo_open_breakers{channel=\"web\"} " + count + "\n") !=
               std::string::npos;
    };
    const SysTime back{Millis{900'000}};
    watch.breaker_opened("web", "1001");
    watch.left_alone("web", "1001", back);
    watch.left_alone("web", "1001", back);  // said again, by another worker too
    CHECK(open("1"));
    watch.forget_unasked(back + Millis{1'000});
    CHECK(open("1"));
    watch.left_alone("web", "1001", back + Millis{60'000});
    watch.forget_unasked(back + Millis{100'000});
    CHECK(open("1"));
    watch.forget_unasked(back + Millis{200'000});
    CHECK(open("0"));
}

}  // namespace relevo
