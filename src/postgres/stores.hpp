#pragma once

#include <map>
#include <memory>
#include <string>

#include "domain/channel.hpp"
#include "domain/gateway_stores.hpp"
#include "domain/stores.hpp"
#include "postgres/database.hpp"

namespace relevo {

// The stores on PostgreSQL. Each method is one operation (op_… in migrations/) for one tenant. They keep a
// reference to the database and are safe to use from several threads. Every call may throw Failure
// "postgres.unavailable" or "postgres.conflict" (transient), "postgres.rejected" (permanent).

/// What the relay must know of each channel, by the channel's name.
using ChannelLimitsByName = std::map<std::string, ChannelLimits>;

/// `vault` has the keys by which it knows who was erased.
std::unique_ptr<ResolveStore> make_resolve_store(Database& database, Vault& vault);
std::unique_ptr<BufferStore> make_buffer_store(Database& database);
std::unique_ptr<RetrieveStore> make_retrieve_store(Database& database);
std::unique_ptr<InferStore> make_infer_store(Database& database);
/// One for the whole process: it knows which permits it has given, so that a claim whose answer was lost on
/// the way may be asked again.
std::unique_ptr<RelayStore> make_relay_store(Database& database, ChannelLimitsByName limits);
std::unique_ptr<SettleStore> make_settle_store(Database& database);
std::unique_ptr<DeadLetters> make_dead_letters(Database& database);
std::unique_ptr<Timers> make_timers(Database& database);

std::unique_ptr<EndpointStore> make_endpoint_store(Database& database);
std::unique_ptr<WebStore> make_web_store(Database& database);
std::unique_ptr<HandoffStore> make_handoff_store(Database& database);
std::unique_ptr<BacklogStore> make_backlog_store(Database& database);
std::unique_ptr<DemoStore> make_demo_store(Database& database);

/// The installation's id, drawn by the first migration: whose customers a record may reach.
Task<std::string> installation_id(Database& database);

}  // namespace relevo
