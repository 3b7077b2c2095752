#include "kafka/log_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "kafka/client.hpp"
#include "kafka/headers.hpp"

namespace relevo {
namespace {

using Steady = std::chrono::steady_clock;
using Topic = std::unique_ptr<rd_kafka_topic_t, rdkafka::Destroy<rd_kafka_topic_destroy>>;
using Message = std::unique_ptr<rd_kafka_message_t, rdkafka::Destroy<rd_kafka_message_destroy>>;

void check(rd_kafka_resp_err_t code, const std::string& what) {
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    throw Failure(
        {Fault::transient, "kafka.unavailable", fmt::format("{}: {}", what, rd_kafka_err2str(code))});
}

// Reads one partition from a place on, until it is destroyed: librdkafka's simple consumer, which knows no
// groups.
class Reading {
  public:
    Reading(rd_kafka_t* client, rd_kafka_queue_t* queue, const std::string& topic, std::int32_t partition,
            Offset from)
        : topic_(rd_kafka_topic_new(client, topic.c_str(), nullptr)), partition_(partition) {
        if (rd_kafka_consume_start_queue(topic_.get(), partition, from.value, queue) != 0) {
            check(rd_kafka_last_error(), "reading " + topic);
        }
    }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    ~Reading() { rd_kafka_consume_stop(topic_.get(), partition_); }

  private:
    Topic topic_;
    std::int32_t partition_;
};

Envelope to_envelope(Message message, std::string_view topic) {
    Envelope record;
    record.topic = topic;
    record.partition = message->partition;
    record.offset = Offset{message->offset};
    record.appended = from_millis(rd_kafka_message_timestamp(message.get(), nullptr));
    record.key = {static_cast<const char*>(message->key), message->key_len};
    record.value = {static_cast<const char*>(message->payload), message->len};
    record.headers = rdkafka::read_headers(message.get());
    record.owner = std::shared_ptr<rd_kafka_message_t>(std::move(message));
    return record;
}

}  // namespace

struct LogReader::Impl {
    Impl(const KafkaSettings& given_settings, Millis given) : settings(given_settings), deadline(given) {
        client = rdkafka::make_client(
            RD_KAFKA_CONSUMER, rdkafka::make_conf(settings, {{"enable.auto.commit", "false"},
                                                             {"enable.partition.eof", "true"},
                                                             // what retention took away is skipped
                                                             {"auto.offset.reset", "earliest"},
                                                             {"message.max.bytes", "20971520"},
                                                             {"fetch.wait.max.ms", "10"},
                                                             {"queued.max.messages.kbytes", "65536"}}));
    }

    int millis() const { return static_cast<int>(deadline.count()); }

    int partitions(const std::string& topic) {
        const Topic handle(rd_kafka_topic_new(client.get(), settings.in_cluster(topic).c_str(), nullptr));
        const rd_kafka_metadata_t* metadata = nullptr;
        check(rd_kafka_metadata(client.get(), 0, handle.get(), &metadata, millis()), "asking for " + topic);
        const int count = metadata->topic_cnt > 0 ? metadata->topics[0].partition_cnt : 0;
        rd_kafka_metadata_destroy(metadata);
        if (count == 0) check(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "asking for " + topic);
        return count;
    }

    std::map<std::int32_t, Offset> offsets_at(const std::string& topic, int count, SysTime time) {
        rdkafka::Partitions list(rd_kafka_topic_partition_list_new(count));
        for (int i = 0; i < count; ++i) {
            rd_kafka_topic_partition_list_add(list.get(), settings.in_cluster(topic).c_str(), i)->offset =
                to_millis(time);
        }
        const std::string what = "asking for the offsets of " + topic;
        check(rd_kafka_offsets_for_times(client.get(), list.get(), millis()), what);
        std::map<std::int32_t, Offset> out;
        for (int i = 0; i < list->cnt; ++i) {
            const auto& entry = list->elems[i];
            check(entry.err, what);
            std::int64_t low = 0;
            std::int64_t high = entry.offset;
            if (high < 0) {  // nothing is as new
                check(rd_kafka_query_watermark_offsets(client.get(), entry.topic, entry.partition, &low,
                                                       &high, millis()),
                      what);
            }
            out[entry.partition] = Offset{high};
        }
        return out;
    }

    const KafkaSettings settings;
    Millis deadline;
    rdkafka::Client client;
};

LogReader::LogReader(const KafkaSettings& settings, Millis deadline)
    : impl_(std::make_unique<Impl>(settings, deadline)) {}

LogReader::~LogReader() = default;

std::map<std::int32_t, LogReader::Range> LogReader::find_ranges(const std::string& topic, SysTime from,
                                                                SysTime to) {
    const int count = impl_->partitions(topic);
    const auto begins = impl_->offsets_at(topic, count, from);
    const auto ends = impl_->offsets_at(topic, count, to);
    std::map<std::int32_t, Range> out;
    for (const auto& [partition, begin] : begins) out[partition] = {begin, ends.at(partition)};
    return out;
}

bool LogReader::read(const std::string& topic, std::int32_t partition, Range range,
                     const std::function<bool(Envelope)>& take) {
    if (range.from >= range.to) return true;
    rdkafka::Queue queue(rd_kafka_queue_new(impl_->client.get()));
    const Reading reading(impl_->client.get(), queue.get(), impl_->settings.in_cluster(topic), partition,
                          range.from);
    auto last = Steady::now();
    for (;;) {
        Message message(rd_kafka_consume_queue(queue.get(), 100));
        if (!message) {
            if (Steady::now() - last > impl_->deadline) {
                check(RD_KAFKA_RESP_ERR__TIMED_OUT, "reading " + topic);
            }
            continue;
        }
        last = Steady::now();
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return true;
        check(message->err, "reading " + topic);
        const Offset offset{message->offset};
        if (offset >= range.to) return true;
        if (!take(to_envelope(std::move(message), topic))) return false;
        if (offset.value + 1 >= range.to.value) return true;
        last = Steady::now();
    }
}

std::vector<std::optional<SysTime>> LogReader::append_times(const std::vector<LogPlace>& places,
                                                            Millis patience) {
    std::vector<std::optional<SysTime>> out(places.size());
    const auto end = Steady::now() + patience;
    std::vector<bool> asked(places.size(), false);
    // A partition is read from one place at a time: several groups of one topic take turns.
    for (bool more = true; more && Steady::now() < end;) {
        more = false;
        rdkafka::Queue queue(rd_kafka_queue_new(impl_->client.get()));
        std::map<std::pair<std::string, std::int32_t>, std::size_t> turn;
        std::vector<std::unique_ptr<Reading>> readings;
        for (std::size_t i = 0; i < places.size(); ++i) {
            if (asked[i]) continue;
            const std::string topic = impl_->settings.in_cluster(places[i].topic);
            if (!turn.try_emplace({topic, places[i].partition}, i).second) {
                more = true;
                continue;
            }
            asked[i] = true;
            readings.push_back(std::make_unique<Reading>(impl_->client.get(), queue.get(), topic,
                                                         places[i].partition, places[i].offset));
        }
        while (!turn.empty() && Steady::now() < end) {
            const Message message(rd_kafka_consume_queue(queue.get(), 50));
            if (!message || !message->rkt) continue;
            const auto found = turn.find({rd_kafka_topic_name(message->rkt), message->partition});
            if (found == turn.end()) continue;
            if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                out[found->second] = from_millis(rd_kafka_message_timestamp(message.get(), nullptr));
            }
            turn.erase(found);
        }
    }
    return out;
}

}  // namespace relevo
