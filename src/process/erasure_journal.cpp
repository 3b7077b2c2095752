#include "process/erasure_journal.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <map>

#include "core/json_object.hpp"
#include "kafka/log_reader.hpp"
#include "kafka/sink.hpp"
#include "postgres/codec.hpp"
#include "postgres/json.hpp"

namespace relevo {
namespace {

constexpr auto topic = "persons.erased";  // pipelines/erasures.yaml

std::string bound_to(TenantId tenant) {
    return "erasure key|" + tenant.to_string();
}

}  // namespace

void ErasureJournal::write(const ErasureNote& note, const Secret& key) const {
    const int master = masters_->newest();
    Record record;
    record.topic = topic;
    record.key = note.tenant.to_string() + ":" + note.erasure;
    record.value = JsonObject()
                       .number("tenant", note.tenant.value)
                       .text("erasure", note.erasure)
                       .time("erased_at_ms", note.erased_at)
                       .text("by", note.by)
                       .raw("marks", json_texts(note.marks))
                       .number("master", master)
                       .text("key", to_hex(masters_->find(master).seal(bound_to(note.tenant), key)))
                       .str();
    record.headers.id = note.erasure;
    record.headers.type = "relevo.persons.erased.v1";
    record.headers.source = "/relevo/person";
    record.headers.subject = record.key;
    record.headers.installation = installation_;
    record.headers.time = note.erased_at;
    boost::asio::io_context io;
    KafkaSink sink(io.get_executor(), settings_, {deadline_, Millis{0}, 10});
    std::vector<Record> records;
    records.push_back(std::move(record));
    auto written = boost::asio::co_spawn(io, sink.publish(std::move(records)), boost::asio::use_future);
    while (written.wait_for(std::chrono::seconds(0)) != std::future_status::ready) io.run_one();
    written.get();
}

std::vector<ErasureJournal::Entry> ErasureJournal::read() const {
    LogReader reader(settings_, deadline_);
    std::map<std::string, Entry> entries;
    const SysTime all = from_millis(0);
    const SysTime now = SystemClock().now() + Millis{24 * 3'600'000};  // the broker's clock may be ahead
    for (const auto& [partition, range] : reader.find_ranges(topic, all, now)) {
        reader.read(topic, partition, range, [&](Envelope record) {
            const Json value = Json::parse(std::string(record.value));
            Entry entry;
            entry.note.tenant = {value.number("tenant")};
            entry.note.erasure = value.text("erasure");
            entry.note.erased_at = value.time("erased_at_ms");
            entry.note.by = value.text("by");
            for (const auto& mark : value["marks"].items()) entry.note.marks.push_back(mark.text());
            try {
                const SealingKey master = masters_->find(static_cast<int>(value.number("master")));
                auto key = master.open(bound_to(entry.note.tenant), from_hex(value.text("key")));
                if (key) entry.key = std::move(*key);
            } catch (const Failure& failure) {
                if (failure.error().code != "vault.unknown_master") throw;
            }
            entries.insert_or_assign(std::string(record.key), std::move(entry));
            return true;
        });
    }
    std::vector<Entry> out;
    for (auto& [key, entry] : entries) out.push_back(std::move(entry));
    return out;
}

}  // namespace relevo
