#include "kafka/client.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <mutex>
#include <stdexcept>

#include "core/log.hpp"
#include "kafka/problems.hpp"

namespace relevo::rdkafka {
namespace {

namespace asio = boost::asio;

void set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
    char text[256];
    if (rd_kafka_conf_set(conf, name, value.c_str(), text, sizeof text) != RD_KAFKA_CONF_OK) {
        throw std::logic_error(fmt::format("librdkafka setting {}: {}", name, text));
    }
}

// Whether a line of this kind was not logged within the last ten seconds. librdkafka's clients live on
// several threads of ours.
bool first_in_a_while(const std::string& kind) {
    static std::mutex mutex;
    static std::map<std::string, std::chrono::steady_clock::time_point> last;
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex);
    const auto [entry, added] = last.try_emplace(kind, now);
    if (!added && now - entry->second < std::chrono::seconds(10)) return false;
    entry->second = now;
    return true;
}

// What kafka_problems tells.
struct Problems {
    std::mutex mutex;
    std::map<std::string, std::uint64_t> counts;
};

Problems& problems() {
    static Problems all;
    return all;
}

}  // namespace

void count_problem(rd_kafka_resp_err_t code) {
    Problems& all = problems();
    const std::lock_guard lock(all.mutex);
    ++all.counts[rd_kafka_err2name(code)];
}

Conf make_conf(const KafkaSettings& settings, const Options& options) {
    Conf conf(rd_kafka_conf_new());
    set(conf.get(), "bootstrap.servers", settings.brokers);
    set(conf.get(), "client.id", "relevo");
    set(conf.get(), "socket.nagle.disable", "true");
    set(conf.get(), "socket.keepalive.enable", "true");
    set(conf.get(), "log.queue", "true");
    // A broker that came back is found again within a second.
    set(conf.get(), "reconnect.backoff.max.ms", "1000");
    for (const auto& [name, value] : options) set(conf.get(), name, value);
    return conf;
}

Client make_client(rd_kafka_type_t type, Conf conf) {
    char text[256];
    Client client(rd_kafka_new(type, conf.get(), text, sizeof text));
    if (!client) throw Failure({Fault::permanent, "kafka.bad_settings", text});
    (void)conf.release();  // the client owns it now
    return client;
}

void log_event(rd_kafka_event_t* event) {
    switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_LOG: {
            const char* facility = nullptr;
            const char* text = nullptr;
            int level = 0;
            if (rd_kafka_event_log(event, &facility, &text, &level) == 0 && first_in_a_while(facility)) {
                log_warn("kafka.log", {{"facility", facility}, {"text", text}});
            }
            break;
        }
        case RD_KAFKA_EVENT_ERROR: {
            const auto code = rd_kafka_event_error(event);
            count_problem(code);
            if (first_in_a_while(rd_kafka_err2name(code))) {
                log_warn("kafka.error",
                         {{"code", rd_kafka_err2name(code)}, {"text", rd_kafka_event_error_string(event)}});
            }
            break;
        }
        default:
            break;
    }
}

struct Wakeups::State {
    explicit State(asio::any_io_executor executor, std::function<void()> callback)
        : descriptor(std::move(executor), ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
          ready(std::move(callback)) {}
    asio::posix::stream_descriptor descriptor;
    std::function<void()> ready;
};

Wakeups::Wakeups(asio::any_io_executor executor, std::function<void()> ready)
    : state_(std::make_shared<State>(std::move(executor), std::move(ready))) {
    wait(state_);
}

Wakeups::~Wakeups() {
    for (auto* queue : queues_) rd_kafka_queue_io_event_enable(queue, -1, nullptr, 0);
    state_->ready = nullptr;
    state_->descriptor.close();
}

void Wakeups::watch(rd_kafka_queue_t* queue) {
    static constexpr std::uint64_t one = 1;
    rd_kafka_queue_io_event_enable(queue, state_->descriptor.native_handle(), &one, sizeof one);
    queues_.push_back(queue);
}

void Wakeups::wait(std::shared_ptr<State> state) {
    auto& descriptor = state->descriptor;
    descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                          [state = std::move(state)](const boost::system::error_code& error) {
                              if (error || !state->ready) return;
                              std::uint64_t count = 0;
                              [[maybe_unused]] const auto got =
                                  ::read(state->descriptor.native_handle(), &count, sizeof count);
                              state->ready();
                              wait(state);
                          });
}

std::map<std::string, std::uint64_t> problem_counts() {
    Problems& all = problems();
    const std::lock_guard lock(all.mutex);
    return all.counts;
}

}  // namespace relevo::rdkafka

namespace relevo {

std::map<std::string, std::uint64_t> kafka_problems() {
    return rdkafka::problem_counts();
}

}  // namespace relevo
