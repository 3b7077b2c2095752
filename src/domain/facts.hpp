#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/ids.hpp"
#include "domain/channel.hpp"
#include "domain/model_check.hpp"

namespace relevo {

// What an installation's servers say of themselves: read by their adapters, judged by `relevo doctor`.

/// Names and values as the server has them.
using ServerSettings = std::map<std::string, std::string>;

struct TopicFacts {
    std::string name;
    int partitions = 0;
    int replicas = 0;    ///< of the partition that has the fewest
    int leaderless = 0;  ///< partitions that nobody can read or write now
    int behind = 0;      ///< partitions with a replica that is not in sync
    ServerSettings settings;
};

struct ClusterFacts {
    std::map<std::int32_t, ServerSettings> brokers;  ///< by the broker's id
    std::vector<TopicFacts> topics;                  ///< those that were asked for and are there
    /// How far the newest record's time lies in our future; 0 where it does not. Kafka tells its clock in no
    /// other way.
    Millis ahead{0};
};

struct RoleFacts {
    std::string name;
    bool superuser = false;
    bool bypasses_policies = false;
    bool owns_tables = false;
};

/// A table whose rows belong to tenants.
struct TableFacts {
    std::string name;
    bool enabled = false;  ///< row-level security
    bool forced = false;   ///< for its owner, too
    bool policy = false;   ///< one for reads and writes
};

struct DatabaseFacts {
    int version = 0;                                ///< 150004
    std::map<std::string, std::string> extensions;  ///< installed ones and their versions
    ServerSettings settings;
    RoleFacts process;  ///< whom `postgres.url` names
    std::vector<TableFacts> tenant_tables;
    std::vector<std::string> views_as_owner;        ///< that read with their owner's rights
    std::vector<std::string> strange_definers;      ///< SECURITY DEFINER functions that no migration made so
    std::vector<std::string> missing_definers;      ///< those that it did, and that are not there
    std::vector<std::string> missing_indexes;       ///< that the migrations make
    std::vector<std::string> broken_indexes;        ///< that a build left unfinished
    std::vector<std::string> unindexed_references;  ///< "table (columns)": foreign keys of large tables
    int connections = 0;
    Millis ahead{0};  ///< its clock before ours; below zero: behind
};

/// A shop's connection to Meta, or an account of it, that does not go on without a person.
struct StuckConnection {
    std::string shop;  ///< its slug
    std::string what;  ///< "facebook", "instagram", or the account's channel and name
    std::string code;  ///< why; empty: its token is not replaced in time
};

/// What waits for an operator, as relevo_operator sees it.
struct WaitingFacts {
    RoleFacts role;                                    ///< whom `postgres.operator_url` names
    std::map<std::string, std::int64_t> dead_letters;  ///< by stage
    std::int64_t overdue_timers = 0;
    Millis longest_overdue{0};
    std::vector<StuckConnection> connections;
};

struct RedisFacts {
    std::string version;
    std::string eviction;         ///< maxmemory_policy
    std::int64_t max_memory = 0;  ///< bytes; 0: no limit
    Millis ahead{0};
};

struct CredentialFacts {
    std::string shop;  ///< its slug
    std::string category;
    std::string name;
    bool opens = false;  ///< with the configured master key
};

struct AccountFacts {
    std::string shop;
    std::string channel;
    std::string account;
    std::string webhook;  ///< its path, below public_url; empty where there are no webhooks
    bool has_token = true;
    AccountCheck check;
};

/// One that answers for a shop's agent over the network, or should.
struct ModelFacts {
    enum class Key { there, missing, sealed };  ///< sealed: it does not open with the master key
    /// Whether a price is known, where a hard limit counts what it takes. ends: within a week.
    enum class Price { unlimited, known, ends, missing };
    std::string shop;
    std::string provider;
    std::string model;
    bool known_provider = true;      ///< this installation has it
    bool own_address = false;        ///< the agent states where it is
    bool good_address = true;        ///< and that is an http or https URL
    std::string credentials;         ///< the category with its key; empty: it is asked without one
    bool names_credentials = false;  ///< the agent states that category
    Key key = Key::there;
    Price price = Price::unlimited;
    ModelCheck check;
};

}  // namespace relevo
