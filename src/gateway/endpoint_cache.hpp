#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "core/clock.hpp"
#include "domain/channel.hpp"
#include "domain/gateway_stores.hpp"
#include "domain/secret.hpp"
#include "domain/stores.hpp"

namespace relevo {

/// A webhook's address with what verifies it.
struct KnownEndpoint {
    Endpoint endpoint;
    Secret verification;
    Secret challenge;
};

/// Who an unguessable key belongs to, from memory: webhooks are answered while PostgreSQL is away. What is
/// old is used once more and read again in the background; what may have changed is read again first, if
/// PostgreSQL answers. Used from the gateway's io_context only.
class EndpointCache {
  public:
    EndpointCache(EndpointStore& store, Vault& vault, Channels& channels, Clock& clock)
        : store_(store), vault_(vault), channels_(channels), clock_(clock) {}

    /// Nothing for a key that nobody has. Throws Failure "postgres.unavailable" where it is not known here
    /// and cannot be asked within a second.
    Task<std::optional<KnownEndpoint>> find(std::string channel, std::string key);
    /// Reads every address of the installation, so that the first webhook of each needs no database. Throws
    /// Failure where the database is away.
    Task<void> preload();
    /// Whether that was done: webhooks can be taken without the database.
    bool preloaded() const { return preloaded_; }
    /// Looks every second whether a secret was changed: then no old one verifies a webhook any more. Never
    /// ends.
    Task<void> watch_changes();
    /// `callback` runs for each change that is seen: a shop or an address may be gone, too.
    void on_change(std::function<void()> callback) { on_change_ = std::move(callback); }

  private:
    using Key = std::pair<std::string, std::string>;
    struct Entry {
        std::optional<KnownEndpoint> known;
        SysTime read;
        std::int64_t changes = 0;  // of the installation's secrets, when the reading began
        bool refreshing = false;
    };
    Task<Entry> read(Key key);
    /// Within a second.
    Task<Entry> read_soon(Key key);
    Task<void> refresh(Key key);
    Task<void> see_changes();

    EndpointStore& store_;
    Vault& vault_;
    Channels& channels_;
    Clock& clock_;
    std::map<Key, Entry> entries_;
    std::int64_t changes_ = 0;
    std::function<void()> on_change_;
    bool preloaded_ = false;
};

}  // namespace relevo
