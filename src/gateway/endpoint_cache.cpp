#include "gateway/endpoint_cache.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "core/log.hpp"

namespace relevo {
namespace {

constexpr Millis look_for_changes{1'000};     // how long a changed secret may take to count
constexpr Millis fresh{30'000};               // how long a moved address may take to count
constexpr Millis unknown_for{2'000};          // a key that was just registered works soon
constexpr Millis longest_lookup{1'000};       // of the four seconds that a webhook has
constexpr std::size_t max_entries = 100'000;  // guessed keys must not fill the memory

}  // namespace

Task<std::optional<KnownEndpoint>> EndpointCache::find(std::string channel, std::string key) {
    Key name{std::move(channel), std::move(key)};
    const auto found = entries_.find(name);
    const SysTime now = clock_.now();
    std::optional<KnownEndpoint> known;
    if (found != entries_.end() && (found->second.known || now - found->second.read < unknown_for)) {
        Entry& entry = found->second;
        if (entry.changes == changes_ || !entry.known) {
            if (now - entry.read >= fresh && !entry.refreshing) {
                entry.refreshing = true;
                boost::asio::co_spawn(co_await boost::asio::this_coro::executor, refresh(name),
                                      boost::asio::detached);
            }
            co_return entry.known;
        }
        known = entry.known;
    }
    Entry entry;
    try {
        entry = co_await read_soon(name);
    } catch (const Failure& failure) {
        if (!known || failure.error().fault != Fault::transient) throw;
        co_return known;  // better an old secret than a webhook that is lost
    }
    if (entries_.size() >= max_entries) {
        std::erase_if(entries_, [](const auto& it) { return !it.second.known; });
    }
    entries_[name] = entry;
    co_return std::move(entry.known);
}

Task<EndpointCache::Entry> EndpointCache::read_soon(Key key) {
    using namespace boost::asio::experimental::awaitable_operators;
    auto result = co_await (read(std::move(key)) || clock_.sleep_until(clock_.now() + longest_lookup));
    if (result.index() == 0) co_return std::get<0>(std::move(result));
    throw Failure({Fault::transient, "postgres.unavailable", "the webhook's address could not be looked up"});
}

Task<EndpointCache::Entry> EndpointCache::read(Key key) {
    const std::int64_t changes = changes_;
    std::optional<Endpoint> endpoint = co_await store_.find(key.first, key.second);
    if (!endpoint) co_return Entry{std::nullopt, clock_.now(), changes, false};
    KnownEndpoint known{std::move(*endpoint), {}, {}};
    const Channel* channel = channels_.find(known.endpoint.channel);
    if (channel && !channel->verification_secret().empty()) {
        const std::string category(channel->credentials());
        known.verification = co_await vault_.find(known.endpoint.tenant, category,
                                                  std::string(channel->verification_secret()));
        if (!channel->challenge_secret().empty()) {
            known.challenge = co_await vault_.find(known.endpoint.tenant, category,
                                                   std::string(channel->challenge_secret()));
        }
    }
    co_return Entry{std::move(known), clock_.now(), changes, false};
}

Task<void> EndpointCache::watch_changes() {
    for (;;) {
        co_await clock_.sleep_until(clock_.now() + look_for_changes);
        try {
            co_await see_changes();
        } catch (const Failure& failure) {
            log_warn("endpoint.changes_unknown",
                     {{"code", failure.error().code}, {"text", failure.error().text}});
        }
    }
}

Task<void> EndpointCache::see_changes() {
    const auto changes = co_await store_.secret_changes();
    if (std::exchange(changes_, changes) != changes && on_change_) on_change_();
}

Task<void> EndpointCache::refresh(Key key) {
    try {
        Entry entry = co_await read(key);
        entries_[key] = std::move(entry);
    } catch (const Failure& failure) {
        entries_[key].refreshing = false;  // what we know counts until the database is back
        log_warn("endpoint.stale", {{"channel", key.first}, {"code", failure.error().code}});
    }
}

Task<void> EndpointCache::preload() {
    co_await see_changes();
    for (auto& [channel, key] : co_await store_.keys()) {
        Key name{channel, key};
        std::optional<Error> unread;
        try {
            Entry entry = co_await read(name);
            entries_[name] = std::move(entry);
        } catch (const Failure& failure) {
            unread = failure.error();
        }
        if (!unread) continue;
        // One shop's unreadable secret leaves the others their cache.
        log_warn("endpoint.unread",
                 {{"channel", name.first}, {"code", unread->code}, {"text", unread->text}});
        if (unread->fault == Fault::transient) throw Failure(*unread);
    }
    preloaded_ = true;
}

}  // namespace relevo
