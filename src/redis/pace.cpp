#include "redis/pace.hpp"

#include <algorithm>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

namespace relevo {

namespace asio = boost::asio;

namespace {

// The same as next_slot and take_slot in core/rate.cpp. KEYS: the buckets; ARGV: the patience, then burst and
// interval of each; times in microseconds. Numbers are doubles, which hold microseconds since 1970 exactly. A
// bucket lives until it is empty.
constexpr std::string_view take_script = R"(
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local slot = now
local empty_at = {}
for i, key in ipairs(KEYS) do
    empty_at[i] = tonumber(redis.call('GET', key) or '0')
    slot = math.max(slot, empty_at[i] - (ARGV[2 * i] - 1) * ARGV[2 * i + 1])
end
if slot - now > tonumber(ARGV[1]) then
    return slot - now
end
for i, key in ipairs(KEYS) do
    local full = math.max(empty_at[i], slot) + ARGV[2 * i + 1]
    redis.call('SET', key, string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
end
return slot - now
)";

// Who has counted lately. ARGV: the worker, and after how many ms of silence one is gone.
constexpr std::string_view count_script = R"(
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
)";

}  // namespace

RedisPace::RedisPace(asio::io_context& io, RedisPaceSettings settings, const Clock& clock, Random& random)
    : settings_(std::move(settings)),
      prefix_("relevo:" + settings_.installation + ":pace:"),
      name_(random.hex(8)),
      workers_(std::max(1, settings_.workers)),
      alone_(clock),
      count_(io),
      connection_(io, prefix_ + name_, parse_redis_url(settings_.url).value(), settings_.times, random,
                  {.up = [this] { count_workers(); }, .down = {}, .subscribed = {}, .message = {}}) {
    alone_.share_with(workers_);
    connection_.start();
}

Task<Millis> RedisPace::take(std::vector<PaceBucket> buckets, Millis patience) {
    std::vector<std::string> words{"EVAL", std::string(take_script), std::to_string(buckets.size())};
    for (const auto& bucket : buckets) words.push_back(prefix_ + bucket.key);
    words.push_back(std::to_string(std::chrono::microseconds(patience).count()));
    for (const auto& [key, rate] : buckets) {
        words.push_back(std::to_string(rate.burst));
        words.push_back(std::to_string(rate.every.count()));
    }
    const auto wait = co_await ask(std::move(words));
    // a moment too early is refused
    if (wait) co_return std::chrono::ceil<Millis>(std::chrono::microseconds(*wait));
    if (settings_.on_guess) settings_.on_guess();
    co_return co_await alone_.take(std::move(buckets), patience);
}

Task<std::optional<std::int64_t>> RedisPace::ask(std::vector<std::string> words) {
    const std::vector<std::string_view> views(words.begin(), words.end());
    auto start = [this, &views](auto handler) {
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        connection_.count(views, [shared](std::optional<std::int64_t> number) {
            auto executor = asio::get_associated_executor(*shared);
            asio::post(executor, [shared, number] { std::move (*shared)(number); });
        });
    };
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>&,
                                            void(std::optional<std::int64_t>)>(std::move(start),
                                                                               asio::use_awaitable);
}

void RedisPace::count_workers() {
    const std::string workers_key = prefix_ + "workers";
    const std::string gone = std::to_string(3 * settings_.count_every.count());
    connection_.count({"EVAL", count_script, "1", workers_key, name_, gone},
                      [this](std::optional<std::int64_t> counted) {
                          if (!counted) return;
                          workers_ = static_cast<int>(std::max<std::int64_t>(1, *counted));
                          alone_.share_with(workers_);
                      });
    count_later();
}

// Ends while Redis is away: `up` begins it again.
void RedisPace::count_later() {
    count_.expires_after(settings_.count_every);
    // It may be due already when this object ends.
    count_.async_wait([this, life = std::weak_ptr(life_)](boost::system::error_code cancelled) {
        if (!cancelled && !life.expired() && connection_.up()) count_workers();
    });
}

}  // namespace relevo
