#include "redis/connection.hpp"

#include <fmt/format.h>
#include <hiredis/async.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <utility>

#include "core/log.hpp"
#include "redis/watch.hpp"

namespace relevo {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct RedisConnection::State : std::enable_shared_from_this<State> {
    // Whether the command was answered, and not with an error; the number, if it was one.
    using Answered = std::function<void(bool ok, std::optional<std::int64_t> number)>;

    // A command that waits for its answer. Redis answers in order and all deadlines are alike, so the oldest
    // is in front.
    struct Pending {
        std::chrono::steady_clock::time_point until;
        Answered done;
        State* state;
        std::list<Pending>::iterator self;
    };

    State(asio::io_context& io_context, std::string connection_name, RedisAddress where,
          RedisTimes given_times, Random& given_random, Events given_events)
        : io(io_context),
          name(std::move(connection_name)),
          address(std::move(where)),
          times(given_times),
          random(given_random),
          events(std::move(given_events)),
          resolver(io_context),
          retry(io_context),
          deadline(io_context),
          ping(io_context) {}

    void connect();
    void open(const std::string& host);
    void greet();
    void greeted(bool ok);
    void lost(std::string_view reason);
    void close();
    void send(const std::vector<std::string_view>& words, Done done);
    void ask(const std::vector<std::string_view>& words, Answered done);
    bool write(redisCallbackFn* on_reply, void* data, const std::vector<std::string_view>& words);
    void watch_deadline();
    void ping_later();

    static void on_connect(const redisAsyncContext* redis, int status);
    static void on_disconnect(const redisAsyncContext* redis, int status);
    static void on_reply(redisAsyncContext* redis, void* reply, void* data);
    static void on_event(redisAsyncContext* redis, void* reply, void* data);

    asio::io_context& io;
    const std::string name;
    const RedisAddress address;
    const RedisTimes times;
    Random& random;
    const Events events;
    tcp::resolver resolver;
    asio::steady_timer retry;
    asio::steady_timer deadline;
    asio::steady_timer ping;
    std::list<Pending> pending;
    redisAsyncContext* context = nullptr;
    bool is_up = false;
    bool closed = false;
    bool told_away = false;
    int attempt = 0;
};

namespace {

std::string_view text_of(const redisReply* reply) {
    return reply->str == nullptr ? std::string_view() : std::string_view(reply->str, reply->len);
}

}  // namespace

void RedisConnection::State::connect() {
    if (closed) return;
    ++attempt;
    deadline.expires_after(times.connect_deadline);
    deadline.async_wait([self = shared_from_this(), at = attempt](error_code cancelled) {
        if (!cancelled && at == self->attempt && !self->is_up) self->lost("it did not accept us in time");
    });
    error_code not_literal;
    asio::ip::make_address(address.host, not_literal);
    if (!not_literal) return open(address.host);
    // hiredis would look the name up itself, and block.
    resolver.async_resolve(
        address.host, std::to_string(address.port),
        [self = shared_from_this(), at = attempt](error_code error,
                                                  const tcp::resolver::results_type& found) {
            if (self->closed || at != self->attempt || error == asio::error::operation_aborted) return;
            if (error || found.empty()) return self->lost("its name is not known");
            self->open(found.begin()->endpoint().address().to_string());
        });
}

void RedisConnection::State::open(const std::string& host) {
    context = redisAsyncConnect(host.c_str(), address.port);
    if (context == nullptr) return lost("out of memory");
    if (context->err != 0) return lost(context->errstr);
    context->data = this;
    watch_socket(io, context);
    redisAsyncSetConnectCallback(context, &State::on_connect);
    redisAsyncSetDisconnectCallback(context, &State::on_disconnect);
}

void RedisConnection::State::on_connect(const redisAsyncContext* redis, int status) {
    auto* state = static_cast<State*>(redis->data);
    if (state->context != redis) return;
    if (status == REDIS_OK) return state->greet();
    // hiredis frees the context itself after this callback.
    const std::string reason = redis->errstr;
    state->context = nullptr;
    state->lost(reason);
}

void RedisConnection::State::on_disconnect(const redisAsyncContext* redis, int status) {
    auto* state = static_cast<State*>(redis->data);
    if (state->context != redis) return;
    const std::string reason = status == REDIS_OK ? "closed" : redis->errstr;
    state->context = nullptr;
    state->lost(reason);
}

// Redis answers in order: once the last of these is answered, all are.
void RedisConnection::State::greet() {
    const auto check = [weak = weak_from_this(), at = attempt](bool ok) {
        if (const auto self = weak.lock(); self && !ok && at == self->attempt) self->lost("it refused us");
    };
    const auto& password = address.password.reveal();
    if (!password.empty() && address.user.empty()) send({"AUTH", password}, check);
    if (!password.empty() && !address.user.empty()) send({"AUTH", address.user, password}, check);
    if (address.database != 0) send({"SELECT", std::to_string(address.database)}, check);
    send({"CLIENT", "SETNAME", name}, check);  // for whoever reads CLIENT LIST
    send({"PING"}, [weak = weak_from_this(), at = attempt](bool ok) {
        if (const auto self = weak.lock(); self && at == self->attempt) self->greeted(ok);
    });
}

void RedisConnection::State::greeted(bool ok) {
    if (!ok) return lost("it refused us");
    log_info("redis.connected", {{"connection", name}, {"attempt", attempt}});
    attempt = 0;
    told_away = false;
    is_up = true;
    watch_deadline();
    ping_later();
    if (events.up) events.up();
}

void RedisConnection::State::lost(std::string_view reason) {
    if (closed) return;
    // Told once for each time that it is away: the attempts in between are no news.
    if (!std::exchange(told_away, true)) {
        log_warn("redis.lost", {{"connection", name}, {"host", address.host}, {"reason", reason}});
    }
    const bool was_up = std::exchange(is_up, false);
    close();
    if (was_up && events.down) events.down();
    if (closed) return;
    const int failed = std::max(attempt, 1);
    retry.expires_after(backoff(times.reconnect, failed, std::nullopt, random));
    retry.async_wait([self = shared_from_this()](error_code cancelled) {
        if (!cancelled) self->connect();
    });
}

void RedisConnection::State::close() {
    resolver.cancel();
    deadline.cancel();
    ping.cancel();
    retry.cancel();
    // Answers everything that waits with a null reply: now, or within one of its own callbacks after that
    // one.
    if (auto* const old = std::exchange(context, nullptr)) redisAsyncFree(old);
}

bool RedisConnection::State::write(redisCallbackFn* on_answer, void* data,
                                   const std::vector<std::string_view>& words) {
    std::vector<const char*> starts;
    std::vector<std::size_t> lengths;
    for (const auto& word : words) {
        starts.push_back(word.data());
        lengths.push_back(word.size());
    }
    return redisAsyncCommandArgv(context, on_answer, data, static_cast<int>(words.size()), starts.data(),
                                 lengths.data()) == REDIS_OK;
}

void RedisConnection::State::send(const std::vector<std::string_view>& words, Done done) {
    ask(words, [done = std::move(done)](bool ok, std::optional<std::int64_t>) {
        if (done) done(ok);
    });
}

void RedisConnection::State::ask(const std::vector<std::string_view>& words, Answered done) {
    if (context == nullptr) return done(false, std::nullopt);
    pending.push_back({std::chrono::steady_clock::now() + times.command_deadline, std::move(done), this, {}});
    pending.back().self = std::prev(pending.end());
    if (!write(&State::on_reply, &pending.back(), words)) {
        auto refused = std::move(pending.back().done);
        pending.pop_back();
        return refused(false, std::nullopt);
    }
    if (is_up && pending.size() == 1) watch_deadline();
}

void RedisConnection::State::on_reply(redisAsyncContext*, void* answer, void* data) {
    auto* const entry = static_cast<Pending*>(data);
    const auto* const reply = static_cast<const redisReply*>(answer);
    const bool ok = reply != nullptr && reply->type != REDIS_REPLY_ERROR;
    std::optional<std::int64_t> number;
    if (reply != nullptr && reply->type == REDIS_REPLY_INTEGER) number = reply->integer;
    const auto done = std::move(entry->done);
    entry->state->pending.erase(entry->self);
    done(ok, number);
}

// One timer for all: when it fires, the oldest is late, or it looks at the next oldest.
void RedisConnection::State::watch_deadline() {
    if (pending.empty()) return;
    deadline.expires_at(pending.front().until);
    deadline.async_wait([self = shared_from_this()](error_code cancelled) {
        if (cancelled || !self->is_up || self->pending.empty()) return;
        if (self->pending.front().until > std::chrono::steady_clock::now()) return self->watch_deadline();
        self->lost("it did not answer in time");
    });
}

void RedisConnection::State::ping_later() {
    ping.expires_after(times.ping_every);
    ping.async_wait([self = shared_from_this()](error_code cancelled) {
        if (cancelled || !self->is_up) return;
        self->send({"PING"}, [](bool) {});
        self->ping_later();
    });
}

// Confirmations and messages of all channels: ["subscribe" | "unsubscribe" | "message", channel, count |
// payload].
void RedisConnection::State::on_event(redisAsyncContext* redis, void* answer, void*) {
    auto* const state = static_cast<State*>(redis->data);
    const auto* const reply = static_cast<const redisReply*>(answer);
    if (reply == nullptr || state->context != redis || reply->type != REDIS_REPLY_ARRAY ||
        reply->elements != 3) {
        return;
    }
    const auto kind = text_of(reply->element[0]);
    const auto channel = text_of(reply->element[1]);
    if (kind == "message" && state->events.message) {
        state->events.message(channel, text_of(reply->element[2]));
    } else if (kind == "subscribe" && state->events.subscribed) {
        state->events.subscribed(channel);
    }
}

RedisConnection::RedisConnection(asio::io_context& io, std::string name, RedisAddress address,
                                 RedisTimes times, Random& random, Events events)
    : state_(std::make_shared<State>(io, std::move(name), std::move(address), times, random,
                                     std::move(events))) {}

RedisConnection::~RedisConnection() {
    state_->closed = true;
    state_->is_up = false;
    state_->close();
}

void RedisConnection::start() {
    state_->connect();
}

bool RedisConnection::up() const {
    return state_->is_up;
}

void RedisConnection::command(const std::vector<std::string_view>& words, Done done) {
    if (!state_->is_up) return done(false);
    state_->send(words, std::move(done));
}

void RedisConnection::count(const std::vector<std::string_view>& words, Counted done) {
    if (!state_->is_up) return done(std::nullopt);
    state_->ask(words, [done = std::move(done)](bool, std::optional<std::int64_t> number) { done(number); });
}

void RedisConnection::subscribe(std::string_view channel) {
    if (!state_->is_up) return;
    state_->write(&State::on_event, nullptr, {"SUBSCRIBE", channel});
    // Answered after the subscription is: its deadline is the subscription's, too.
    state_->send({"PING"}, [](bool) {});
}

void RedisConnection::unsubscribe(std::string_view channel) {
    if (state_->is_up) state_->write(&State::on_event, nullptr, {"UNSUBSCRIBE", channel});
}

}  // namespace relevo
