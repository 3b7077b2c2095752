#include "kafka/sink.hpp"

#include <boost/asio/post.hpp>

#include <array>
#include <cstdlib>

#include "core/log.hpp"
#include "kafka/client.hpp"
#include "kafka/headers.hpp"

namespace relevo {
namespace {

namespace asio = boost::asio;

Error to_error(rd_kafka_resp_err_t code) {
    const std::string text = rd_kafka_err2str(code);
    switch (code) {
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
        case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
            return {Fault::permanent, "kafka.too_large", text};
        case RD_KAFKA_RESP_ERR__QUEUE_FULL:
            return {Fault::transient, "kafka.queue_full", text};
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
            return {Fault::transient, "kafka.unknown_topic", text + "; run: relevo topics apply"};
        default:
            return {Fault::transient, "kafka.unavailable", text};
    }
}

// Records that were written together; each of those in flight points to it, and the last one's report ends
// it.
struct Batch {
    Sink::Appended appended;
    std::size_t missing = 0;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;

    void tell() const {
        const bool failed = error != RD_KAFKA_RESP_ERR_NO_ERROR;
        if (appended) appended(failed ? std::optional(to_error(error)) : std::nullopt);
    }
};

}  // namespace

struct KafkaSink::Impl {
    Impl(asio::any_io_executor given, const KafkaSettings& settings, Limits limits)
        : executor(std::move(given)), prefix(settings.prefix) {
        rdkafka::Conf conf = rdkafka::make_conf(
            settings, {{"enable.idempotence", "true"},
                       {"acks", "all"},
                       {"linger.ms", std::to_string(limits.linger.count())},
                       {"delivery.timeout.ms", std::to_string(limits.delivery_timeout.count())},
                       {"queue.buffering.max.messages", std::to_string(limits.max_queued)},
                       {"compression.type", "lz4"},
                       {"partitioner", "murmur2_random"},
                       {"message.max.bytes", "20971520"}});
        rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
        client = rdkafka::make_client(RD_KAFKA_PRODUCER, std::move(conf));
        queue.reset(rd_kafka_queue_get_main(client.get()));
        rd_kafka_set_log_queue(client.get(), queue.get());
        wakeups = std::make_unique<rdkafka::Wakeups>(executor, [this] { drain(); });
        wakeups->watch(queue.get());
        drain();
    }

    ~Impl() {
        // Nobody waits any more: give the records back and forget them.
        wakeups.reset();
        rd_kafka_purge(client.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        abandoned = true;
        while (rd_kafka_outq_len(client.get()) > 0) {
            rdkafka::Event event(rd_kafka_queue_poll(queue.get(), 100));
            if (event) take(event.get());
        }
    }

    void drain() {
        while (rdkafka::Event event{rd_kafka_queue_poll(queue.get(), 0)}) take(event.get());
    }

    void take(rd_kafka_event_t* event) {
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR &&
            rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__FATAL) {
            // Only a new producer can go on, and a process that is killed at any instant loses nothing.
            log_error("kafka.fatal", {{"text", rd_kafka_event_error_string(event)}});
            std::_Exit(1);
        }
        if (rd_kafka_event_type(event) != RD_KAFKA_EVENT_DR) {
            rdkafka::log_event(event);
            return;
        }
        while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event)) {
            auto* batch = static_cast<Batch*>(message->_private);
            if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) batch->error = message->err;
            if (--batch->missing > 0) continue;
            const std::unique_ptr<Batch> ended(batch);
            if (!abandoned) ended->tell();
        }
    }

    rd_kafka_resp_err_t enqueue(const Record& record, Batch* batch) {
        rd_kafka_headers_t* headers = rdkafka::write_headers(record.headers);
        topic.assign(prefix).append(record.topic);
        std::array<rd_kafka_vu_t, 6> fields{};
        fields[0].vtype = RD_KAFKA_VTYPE_TOPIC;
        fields[0].u.cstr = topic.c_str();
        fields[1].vtype = RD_KAFKA_VTYPE_KEY;
        fields[1].u.mem = {const_cast<char*>(record.key.data()), record.key.size()};
        fields[2].vtype = RD_KAFKA_VTYPE_VALUE;
        fields[2].u.mem = {const_cast<char*>(record.value.data()), record.value.size()};
        fields[3].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
        fields[3].u.i = RD_KAFKA_MSG_F_COPY;
        fields[4].vtype = RD_KAFKA_VTYPE_HEADERS;
        fields[4].u.headers = headers;
        fields[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
        fields[5].u.ptr = batch;  // comes back with the delivery report
        const rdkafka::KafkaError error(rd_kafka_produceva(client.get(), fields.data(), fields.size()));
        if (error) {
            rd_kafka_headers_destroy(headers);  // not taken over
            return rd_kafka_error_code(error.get());
        }
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }

    asio::any_io_executor executor;
    const std::string prefix;
    std::string topic;  // of the record that is being written, as the cluster has it
    rdkafka::Client client;
    rdkafka::Queue queue;
    std::unique_ptr<rdkafka::Wakeups> wakeups;
    bool abandoned = false;
};

KafkaSink::KafkaSink(asio::any_io_executor executor, const KafkaSettings& settings, Limits limits)
    : impl_(std::make_unique<Impl>(std::move(executor), settings, limits)) {}

KafkaSink::~KafkaSink() = default;

void KafkaSink::append(std::vector<Record> records, Appended appended) {
    auto batch = std::make_unique<Batch>(Batch{std::move(appended)});
    for (const auto& record : records) {
        const auto error = impl_->enqueue(record, batch.get());
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
            ++batch->missing;  // its report comes with a later turn of the loop
        } else {
            batch->error = error;
        }
    }
    if (batch->missing > 0) {
        (void)batch.release();  // to the reports
    } else {
        asio::post(impl_->executor, [batch = std::move(batch)] { batch->tell(); });
    }
}

Task<void> KafkaSink::warm_up(std::string topic) {
    constexpr int wait_ms = 5'000;
    const std::string in_cluster = impl_->prefix + topic;
    rd_kafka_topic_t* handle = rd_kafka_topic_new(impl_->client.get(), in_cluster.c_str(), nullptr);
    const rd_kafka_metadata_t* metadata = nullptr;
    if (rd_kafka_metadata(impl_->client.get(), 0, handle, &metadata, wait_ms) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(handle);
    co_return;
}

}  // namespace relevo
