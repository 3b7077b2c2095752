#include "gateway/intake.hpp"

#include "core/trace.hpp"
#include "stages/ingress.hpp"

namespace relevo {

Task<void> Intake::take(Endpoint endpoint, Parsed parsed) {
    const SysTime started = clock.now();
    std::vector<Record> records =
        ingest(endpoint, parsed, installation, new_traceparent(random), started, expires_after);
    if (records.empty()) co_return;
    const double count = static_cast<double>(records.size());
    const std::vector<Record> kept = observer ? records : std::vector<Record>{};
    co_await sink.publish(std::move(records));
    metrics.count("ingress_records", "Records that ingress wrote", "channel", endpoint.channel, count);
    if (observer) observer(kept, started);
}

Task<void> Intake::request(ReplyReady reply) {
    const SysTime now = clock.now();
    std::vector<Record> records;
    records.push_back(to_record(reply));
    stamp_ingress(records, installation, new_traceparent(random), now, expires_after);
    co_await sink.publish(std::move(records));
}

}  // namespace relevo
