#include "gateway/intake.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "core/trace.hpp"
#include "stages/ingress.hpp"

namespace relevo {
namespace {

constexpr Millis longest_publish{2'900};

// A failure as a value: it ends the wait at once.
Task<std::optional<Error>> publish(Sink& sink, std::vector<Record> records) {
    try {
        co_await sink.publish(std::move(records));
        co_return std::nullopt;
    } catch (const Failure& failure) {
        co_return failure.error();
    }
}

}  // namespace

Task<void> Intake::take(Endpoint endpoint, Parsed parsed) {
    const SysTime started = clock.now();
    std::vector<Record> records =
        ingest(endpoint, parsed, installation, new_traceparent(random), started, expires_after);
    if (records.empty()) co_return;
    const double count = static_cast<double>(records.size());
    const std::vector<Record> kept = observers.empty() ? std::vector<Record>{} : records;
    for (Observer* observer : observers) observer->received(kept);
    // Whoever sent it hears from us within four seconds, whatever the producer still hopes for.
    using namespace boost::asio::experimental::awaitable_operators;
    const auto done =
        co_await (publish(sink, std::move(records)) || clock.sleep_until(started + longest_publish));
    if (done.index() == 1) {
        throw Failure({Fault::transient, "kafka.unavailable", "the log did not answer in time"});
    }
    if (std::get<0>(done)) throw Failure(*std::get<0>(done));
    metrics.count("ingress_records", "Records that ingress wrote", "channel", endpoint.channel, count);
    for (Observer* observer : observers) observer->ingested(kept, started);
}

Task<void> Intake::request(ReplyReady reply) {
    const SysTime now = clock.now();
    std::vector<Record> records;
    records.push_back(to_record(reply));
    stamp_ingress(records, installation, new_traceparent(random), now, expires_after);
    co_await sink.publish(std::move(records));
}

}  // namespace relevo
