#include "kafka/source.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <deque>
#include <map>

#include "core/log.hpp"
#include "kafka/client.hpp"
#include "kafka/headers.hpp"

namespace relevo {
namespace {

namespace asio = boost::asio;

constexpr std::string_view dispatched_prefix = "dispatched=";

std::vector<std::int32_t> partition_numbers(const rd_kafka_topic_partition_list_t* list) {
    std::vector<std::int32_t> out;
    for (int i = 0; i < list->cnt; ++i) out.push_back(list->elems[i].partition);
    return out;
}

rdkafka::Partitions to_list(const std::string& topic, std::span<const Commit> commits) {
    rdkafka::Partitions list(rd_kafka_topic_partition_list_new(static_cast<int>(commits.size())));
    for (const auto& commit : commits) {
        auto* entry = rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), commit.partition);
        entry->offset = commit.next.value;
        const std::string metadata = encode_dispatched(commit.dispatched);
        entry->metadata = ::strdup(metadata.c_str());  // librdkafka frees it
        entry->metadata_size = metadata.size();
    }
    return list;
}

}  // namespace

struct KafkaSource::Impl {
    Impl(asio::any_io_executor executor, const KafkaSettings& settings, const std::string& group,
         std::string topic_name, Limits given)
        : name(std::move(topic_name)), topic(settings.in_cluster(name)), limits(given), timer(executor) {
        rdkafka::Conf conf = rdkafka::make_conf(
            settings, {{"group.id", settings.in_cluster(group)},
                       {"group.protocol", "consumer"},
                       {"enable.auto.commit", "false"},
                       {"enable.auto.offset.store", "false"},
                       // With "earliest" an outage longer than the retention would skip records unnoticed.
                       {"auto.offset.reset", "error"},
                       {"enable.partition.eof", "true"},
                       {"max.poll.interval.ms", "300000"},
                       {"fetch.wait.max.ms", "100"},
                       {"fetch.queue.backoff.ms", "2"},  // the default, 1,000, halves the throughput
                       {"queued.min.messages", std::to_string(limits.queued_records)},
                       {"queued.max.messages.kbytes", std::to_string(limits.queued_kbytes)},
                       {"message.max.bytes", "20971520"},
                       {"check.crcs", "true"}});
        rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_FETCH |
                                                 RD_KAFKA_EVENT_OFFSET_COMMIT | RD_KAFKA_EVENT_ERROR |
                                                 RD_KAFKA_EVENT_LOG);
        client = rdkafka::make_client(RD_KAFKA_CONSUMER, std::move(conf));
        rd_kafka_poll_set_consumer(client.get());
        control.reset(rd_kafka_queue_get_consumer(client.get()));
        fetched.reset(rd_kafka_queue_new(client.get()));
        rd_kafka_set_log_queue(client.get(), control.get());
        wakeups = std::make_unique<rdkafka::Wakeups>(executor, [this] { signal(); });
        wakeups->watch(control.get());
        wakeups->watch(fetched.get());

        rdkafka::Partitions topics(rd_kafka_topic_partition_list_new(1));
        rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
        const auto error = rd_kafka_subscribe(client.get(), topics.get());
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            throw Failure({Fault::permanent, "kafka.bad_settings", rd_kafka_err2str(error)});
        }
    }

    void signal() {
        signalled = true;
        timer.cancel();
    }

    // Suspends until something may have happened, at most for `wait`.
    Task<void> pause(Millis wait) {
        if (!signalled) {
            boost::system::error_code ignored;
            timer.expires_after(wait);
            co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
        signalled = false;
    }

    // Takes from a queue what is there, up to `batch` records.
    void poll(rd_kafka_queue_t* queue, std::size_t batch) {
        while (records.size() < batch) {
            rdkafka::Event event(rd_kafka_queue_poll(queue, 0));
            if (!event) return;
            take(std::move(event));
        }
        signalled = true;  // there may be more
    }

    void take(rdkafka::Event event) {
        switch (rd_kafka_event_type(event.get())) {
            case RD_KAFKA_EVENT_FETCH:
                take_record(std::move(event));
                break;
            case RD_KAFKA_EVENT_REBALANCE:
                take_rebalance(event.get());
                break;
            case RD_KAFKA_EVENT_OFFSET_COMMIT:
                take_commit(event.get());
                break;
            case RD_KAFKA_EVENT_ERROR:
                take_error(event.get());
                break;
            default:
                rdkafka::log_event(event.get());
        }
    }

    void take_record(rdkafka::Event event) {
        const rd_kafka_message_t* message = rd_kafka_event_message_next(event.get());
        if (!message) return;
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            ends.push_back(message->partition);
            return;
        }
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return;
        Envelope record;
        record.topic = name;
        record.partition = message->partition;
        record.offset = Offset{message->offset};
        record.appended = from_millis(rd_kafka_message_timestamp(message, nullptr));
        record.key = {static_cast<const char*>(message->key), message->key_len};
        record.value = {static_cast<const char*>(message->payload), message->len};
        record.headers = rdkafka::read_headers(message);
        record.owner = std::shared_ptr<rd_kafka_event_t>(std::move(event));
        positions[record.partition] = record.offset.value + 1;
        std::erase(ends, record.partition);  // that end is passed
        records.push_back(std::move(record));
    }

    void take_rebalance(rd_kafka_event_t* event) {
        const rd_kafka_topic_partition_list_t* list = rd_kafka_event_topic_partition_list(event);
        if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
            const rdkafka::KafkaError error(rd_kafka_incremental_assign(client.get(), list));
            if (error) log_error("kafka.assign", {{"text", rd_kafka_error_string(error.get())}});
            for (int i = 0; i < list->cnt; ++i) {
                rdkafka::Queue queue(
                    rd_kafka_queue_get_partition(client.get(), topic.c_str(), list->elems[i].partition));
                rd_kafka_queue_forward(queue.get(), fetched.get());
                positions[list->elems[i].partition] = RD_KAFKA_OFFSET_INVALID;
            }
            rebalances.push_back(Assigned{partition_numbers(list)});
        } else {
            rebalances.push_back(
                Revoked{partition_numbers(list), rd_kafka_assignment_lost(client.get()) != 0});
        }
    }

    // A commit that fails is tried again: where nothing new comes no later one would replace it.
    void take_commit(rd_kafka_event_t* event) {
        const auto error = rd_kafka_event_error(event);
        const rd_kafka_topic_partition_list_t* list = rd_kafka_event_topic_partition_list(event);
        const auto sent = std::exchange(under_way, {});
        for (const auto& [partition, commit] : sent) {
            const auto* it =
                list ? rd_kafka_topic_partition_list_find(list, topic.c_str(), partition) : nullptr;
            if (error == RD_KAFKA_RESP_ERR_NO_ERROR && (!it || it->err == RD_KAFKA_RESP_ERR_NO_ERROR))
                continue;
            waiting.try_emplace(partition, commit);  // unless there is a later one
            commit_again = std::chrono::steady_clock::now() + limits.commit_again;
        }
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR__NO_OFFSET) return;
        rdkafka::count_problem(error);
        log_warn("kafka.commit", {{"topic", topic}, {"code", rd_kafka_err2name(error)}});
    }

    void commit(std::span<const Commit> commits) {
        for (const auto& it : commits) waiting[it.partition] = it;
        commit_waiting();
    }

    // One at a time: of two under way the client may repeat the earlier one, and its offsets would stand.
    void commit_waiting() {
        if (!under_way.empty() || waiting.empty() || std::chrono::steady_clock::now() < commit_again) return;
        under_way = std::exchange(waiting, {});
        std::vector<Commit> commits;
        for (const auto& [partition, commit] : under_way) commits.push_back(commit);
        const auto list = to_list(topic, commits);
        rd_kafka_commit_queue(client.get(), list.get(), control.get(), nullptr, nullptr);
    }

    void take_error(rd_kafka_event_t* event) {
        const auto error = rd_kafka_event_error(event);
        if (error == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            if (auto* partition = rd_kafka_event_topic_partition(event)) {
                ends.push_back(partition->partition);
                rd_kafka_topic_partition_destroy(partition);
            }
        } else if (error == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
            rdkafka::count_problem(error);
            log_error(
                "kafka.no_offset",
                {{"topic", topic},
                 {"text", rd_kafka_event_error_string(event)},
                 {"do",
                  "relevo topics apply sets first offsets; offsets behind the retention mean lost records"}});
        } else if (error == RD_KAFKA_RESP_ERR__FATAL) {
            throw Failure({Fault::permanent, "kafka.fatal", rd_kafka_event_error_string(event)});
        } else {
            rdkafka::log_event(event);
        }
    }

    // Commits and waits for the answer.
    Task<void> commit_now(std::vector<Commit> commits) {
        if (commits.empty()) co_return;
        const auto deadline = std::chrono::steady_clock::now() + limits.commit_timeout;
        while (std::chrono::steady_clock::now() < deadline) {
            poll(control.get(), limits.batch);
            if (under_way.empty()) {
                if (commits.empty()) co_return;
                for (const auto& it : std::exchange(commits, {})) waiting[it.partition] = it;
                commit_again = {};
                commit_waiting();
            }
            co_await pause(Millis{50});
        }
        log_warn("kafka.commit", {{"topic", topic}, {"code", "timed out"}});
    }

    std::string name;   // as records carry it
    std::string topic;  // as the cluster has it
    Limits limits;
    asio::steady_timer timer;
    bool signalled = false;
    rdkafka::Client client;
    rdkafka::Queue control;
    rdkafka::Queue fetched;
    std::unique_ptr<rdkafka::Wakeups> wakeups;
    std::deque<SourceEvent> rebalances;
    std::deque<std::int32_t> ends;
    std::vector<Envelope> records;
    std::map<std::int32_t, std::int64_t> positions;
    std::map<std::int32_t, Commit> waiting;    // to be committed
    std::map<std::int32_t, Commit> under_way;  // and not answered
    std::chrono::steady_clock::time_point commit_again;
};

KafkaSource::KafkaSource(asio::any_io_executor executor, const KafkaSettings& settings, std::string group,
                         std::string topic, Limits limits)
    : impl_(std::make_unique<Impl>(std::move(executor), settings, std::move(group), std::move(topic),
                                   limits)) {}

KafkaSource::~KafkaSource() = default;

Task<SourceEvent> KafkaSource::next(bool want_records, Millis wait) {
    Impl& self = *impl_;
    self.commit_waiting();
    // Others on this io_context go first: under load this function would never suspend.
    co_await asio::post(self.timer.get_executor(), asio::use_awaitable);
    for (bool waited = false;; waited = true) {
        self.poll(self.control.get(), self.limits.batch);
        if (!self.rebalances.empty()) {
            SourceEvent event = std::move(self.rebalances.front());
            self.rebalances.pop_front();
            co_return event;
        }
        if (want_records) self.poll(self.fetched.get(), self.limits.batch);
        if (!self.rebalances.empty()) continue;
        if (!self.records.empty() && want_records) co_return Fetched{std::exchange(self.records, {})};
        // An end was reached after the records before it, which were handed out by now.
        if (self.records.empty() && !self.ends.empty()) {
            const auto partition = self.ends.front();
            self.ends.pop_front();
            co_return ReachedEnd{partition};
        }
        if (waited) co_return Idle{};
        co_await self.pause(wait);
    }
}

void KafkaSource::wake() {
    impl_->signal();
}

void KafkaSource::commit(std::span<const Commit> commits) {
    impl_->commit(commits);
}

Task<void> KafkaSource::release(Revoked revoked, std::vector<Commit> commits) {
    co_await impl_->commit_now(std::move(commits));
    rdkafka::Partitions list(rd_kafka_topic_partition_list_new(static_cast<int>(revoked.partitions.size())));
    for (const auto partition : revoked.partitions) {
        rd_kafka_topic_partition_list_add(list.get(), impl_->topic.c_str(), partition);
        impl_->positions.erase(partition);
        impl_->waiting.erase(partition);
        std::erase(impl_->ends, partition);
    }
    std::erase_if(impl_->records,
                  [&](const Envelope& record) { return !impl_->positions.contains(record.partition); });
    const rdkafka::KafkaError error(rd_kafka_incremental_unassign(impl_->client.get(), list.get()));
    if (error) log_error("kafka.unassign", {{"text", rd_kafka_error_string(error.get())}});
}

Task<void> KafkaSource::close(std::vector<Commit> commits) {
    Impl& self = *impl_;
    co_await self.commit_now(std::move(commits));
    const rdkafka::KafkaError error(rd_kafka_consumer_close_queue(self.client.get(), self.control.get()));
    const auto deadline = std::chrono::steady_clock::now() + self.limits.commit_timeout;
    while (!error && !rd_kafka_consumer_closed(self.client.get()) &&
           std::chrono::steady_clock::now() < deadline) {
        self.poll(self.control.get(), self.limits.batch);
        while (!self.rebalances.empty()) {
            const SourceEvent event = std::move(self.rebalances.front());
            self.rebalances.pop_front();
            if (const auto* revoked = std::get_if<Revoked>(&event)) co_await release(*revoked, {});
        }
        self.records.clear();
        co_await self.pause(Millis{20});
    }
}

std::int64_t KafkaSource::behind() const {
    std::int64_t sum = 0;
    for (const auto& [partition, position] : impl_->positions) {
        std::int64_t low = 0;
        std::int64_t high = 0;
        rd_kafka_get_watermark_offsets(impl_->client.get(), impl_->topic.c_str(), partition, &low, &high);
        if (high > 0 && position >= 0) sum += std::max<std::int64_t>(0, high - position);
    }
    return sum;
}

std::string encode_dispatched(Offset dispatched) {
    return std::string(dispatched_prefix) + dispatched.to_string();
}

Offset decode_dispatched(std::string_view metadata, Offset committed) {
    if (!metadata.starts_with(dispatched_prefix)) return committed;
    metadata.remove_prefix(dispatched_prefix.size());
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(metadata.data(), metadata.data() + metadata.size(), value);
    return error == std::errc{} ? std::max(Offset{value}, committed) : committed;
}

}  // namespace relevo
