#include "redis/live.hpp"

#include <atomic>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

namespace relevo {

namespace asio = boost::asio;

// Everything but the counters is touched on the io_context's thread only.
class RedisLive::Hub : public std::enable_shared_from_this<Hub> {
  public:
    // Shared by the hub and its ticket, which may end on another thread.
    struct Entry {
        std::string channel;  // with the prefix
        std::function<void(std::string_view)> on_event;
        std::atomic<bool> ended = false;
    };

    Hub(asio::io_context& context, RedisLiveSettings settings, const RedisAddress& address, Random& random)
        : io(context),
          prefix("relevo:" + settings.installation + ":"),
          max_queued_(settings.max_queued),
          look_every_(settings.look_every),
          publisher_(context, prefix + "publish", address, settings.times, random,
                     {.up = [this] { flush(); }, .down = {}, .subscribed = {}, .message = {}}),
          subscriber_(context, prefix + "subscribe", address, settings.times, random,
                      {.up = [this] { subscribe_all(); },
                       .down = [this] { look_at_rows(); },
                       .subscribed = [this](auto channel) { in_place(channel); },
                       .message = [this](auto channel, auto payload) { tell(channel, payload); }}) {}

    void start() {
        publisher_.start();
        subscriber_.start();
        look_at_rows();
    }

    void publish(std::string channel, std::string payload);
    void add(std::shared_ptr<Entry> entry);
    void remove(const std::shared_ptr<Entry>& entry);
    void ping(std::function<void(bool)> done);
    std::uint64_t dropped() const { return dropped_; }

    asio::io_context& io;
    const std::string prefix;

  private:
    struct Event {
        std::string channel;
        std::string payload;
    };
    struct Channel {
        bool in_place = false;
        std::vector<std::shared_ptr<Entry>> entries;
    };

    void send(Event event);
    void flush();
    void subscribe_all();
    void in_place(std::string_view channel);
    void tell(std::string_view channel, std::string_view payload);
    void look_at_rows();

    const std::size_t max_queued_;
    const Millis look_every_;
    asio::steady_timer look_{io};
    std::atomic<std::size_t> queued_ = 0;
    std::atomic<std::uint64_t> dropped_ = 0;
    std::deque<Event> waiting_;
    std::unordered_map<std::string, Channel> channels_;
    RedisConnection publisher_;
    RedisConnection subscriber_;
};

class RedisLive::Ticket final : public Subscription {
  public:
    Ticket(std::shared_ptr<Hub> hub, std::shared_ptr<Hub::Entry> entry)
        : hub_(std::move(hub)), entry_(std::move(entry)) {}
    ~Ticket() override {
        entry_->ended = true;
        // The hub may be gone before its tickets. If not, this must not be its last holder: its end belongs
        // to the io_context's thread.
        if (auto hub = hub_.lock()) {
            auto& io = hub->io;
            asio::post(io, [hub = std::move(hub), entry = std::move(entry_)] { hub->remove(entry); });
        }
    }

  private:
    std::weak_ptr<Hub> hub_;
    std::shared_ptr<Hub::Entry> entry_;
};

void RedisLive::Hub::publish(std::string channel, std::string payload) {
    // Counted here, so that the bound holds for what waits to be posted, too.
    if (queued_.fetch_add(1) >= max_queued_) {
        --queued_;
        ++dropped_;
        return;
    }
    asio::post(io, [self = shared_from_this(),
                    event = Event{prefix + std::move(channel), std::move(payload)}]() mutable {
        if (self->publisher_.up()) {
            self->send(std::move(event));
        } else {
            self->waiting_.push_back(std::move(event));
        }
    });
}

void RedisLive::Hub::send(Event event) {
    publisher_.command({"PUBLISH", event.channel, event.payload}, [this](bool ok) {
        --queued_;
        if (!ok) ++dropped_;  // it may have been told; telling it twice would put drafts out of order
    });
}

void RedisLive::Hub::flush() {
    for (auto events = std::exchange(waiting_, {}); auto& event : events) send(std::move(event));
}

void RedisLive::Hub::add(std::shared_ptr<Entry> entry) {
    if (entry->ended) return;
    const auto [found, first] = channels_.try_emplace(entry->channel);
    found->second.entries.push_back(entry);
    if (first) {
        subscriber_.subscribe(entry->channel);
    } else if (found->second.in_place) {
        entry->on_event("");
    }
}

void RedisLive::Hub::remove(const std::shared_ptr<Entry>& entry) {
    const auto found = channels_.find(entry->channel);
    if (found == channels_.end()) return;
    std::erase(found->second.entries, entry);
    if (!found->second.entries.empty()) return;
    channels_.erase(found);
    subscriber_.unsubscribe(entry->channel);
}

void RedisLive::Hub::subscribe_all() {
    for (auto& [name, channel] : channels_) {
        channel.in_place = false;
        subscriber_.subscribe(name);
    }
}

void RedisLive::Hub::in_place(std::string_view channel) {
    const auto found = channels_.find(std::string(channel));
    if (found == channels_.end()) return;
    found->second.in_place = true;
    tell(channel, "");
}

void RedisLive::Hub::tell(std::string_view channel, std::string_view payload) {
    const auto found = channels_.find(std::string(channel));
    if (found == channels_.end()) return;
    // Ending a subscription within its callback is posted, so the list stays as it is meanwhile.
    for (const auto& entry : found->second.entries) {
        if (!entry->ended) entry->on_event(payload);
    }
}

// While Redis is away nobody is told of anything: each reads its rows now and then.
void RedisLive::Hub::look_at_rows() {
    look_.expires_after(look_every_);
    look_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (error || !self || self->subscriber_.up()) return;
        for (const auto& [name, channel] : self->channels_) self->tell(name, "");
        self->look_at_rows();
    });
}

void RedisLive::Hub::ping(std::function<void(bool)> done) {
    publisher_.command({"PING"}, [this, done = std::move(done)](bool published) {
        if (!published) return done(false);
        subscriber_.command({"PING"}, done);
    });
}

RedisLive::RedisLive(asio::io_context& io, RedisLiveSettings settings, Random& random) {
    const auto address = parse_redis_url(settings.url).value();
    hub_ = std::make_shared<Hub>(io, std::move(settings), address, random);
    asio::post(io, [hub = hub_] { hub->start(); });
}

RedisLive::~RedisLive() {
    // The connections belong to the io_context's thread. Where nothing runs it any more, they end with it.
    auto& io = hub_->io;
    asio::post(io, [hub = std::move(hub_)] {});
}

void RedisLive::publish(std::string_view channel, std::string payload) {
    hub_->publish(std::string(channel), std::move(payload));
}

std::unique_ptr<Subscription> RedisLive::subscribe(std::string channel,
                                                   std::function<void(std::string_view payload)> on_event) {
    auto entry = std::make_shared<Hub::Entry>();
    entry->channel = hub_->prefix + channel;
    entry->on_event = std::move(on_event);
    asio::post(hub_->io, [hub = hub_, entry] { hub->add(entry); });
    return std::make_unique<Ticket>(hub_, std::move(entry));
}

Task<bool> RedisLive::ping() {
    auto start = [this](auto handler) {
        using Handler = decltype(handler);
        auto shared = std::make_shared<std::optional<Handler>>(std::move(handler));
        const auto executor = asio::get_associated_executor(**shared);
        // Redis's answer, or the end of the waiting: the first one of them, on the executor of who waits.
        const auto tell = [executor](const std::shared_ptr<std::optional<Handler>>& waiting, bool ok) {
            asio::post(executor, [waiting, ok] {
                if (!*waiting) return;
                asio::get_associated_cancellation_slot(**waiting).clear();
                Handler told = std::move(**waiting);
                waiting->reset();
                std::move(told)(ok);
            });
        };
        if (auto slot = asio::get_associated_cancellation_slot(**shared); slot.is_connected()) {
            slot.assign([tell, weak = std::weak_ptr(shared)](asio::cancellation_type) {
                if (const auto waiting = weak.lock()) tell(waiting, false);
            });
        }
        asio::post(hub_->io,
                   [hub = hub_, shared, tell] { hub->ping([shared, tell](bool ok) { tell(shared, ok); }); });
    };
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(bool)>(std::move(start),
                                                                                        asio::use_awaitable);
}

std::uint64_t RedisLive::dropped() const {
    return hub_->dropped();
}

}  // namespace relevo
