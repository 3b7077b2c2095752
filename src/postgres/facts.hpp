#pragma once

#include <string>
#include <vector>

#include "core/ids.hpp"
#include "domain/facts.hpp"
#include "domain/secret.hpp"
#include "postgres/vault.hpp"

namespace relevo {

// What PostgreSQL says of itself, for an operator. Each blocks for `facts_deadline` at most and throws
// Failure: "postgres.unavailable" (transient), "postgres.rejected" (permanent).

inline constexpr Millis facts_deadline{10'000};

/// As the process sees it: `url` is Config::postgres_url.
DatabaseFacts read_database_facts(const Secret& url);
/// As the operator sees it.
WaitingFacts read_waiting_facts(const Secret& operator_url);

struct ShopCredential {
    TenantId tenant;
    std::string shop;
    SealedCredential credential;
};
struct KnownAccount {
    TenantId tenant;
    std::string shop;
    std::string channel;
    std::string account;
    std::string key;  ///< of its webhook's address
};
struct KnownAgent {
    TenantId tenant;
    std::string shop;
    Agent agent;
    std::vector<ModelFacts::Price> prices;  ///< of asked_models(agent), in their order
};
struct ShopFacts {
    std::vector<ShopCredential> credentials;
    std::vector<KnownAccount> accounts;  ///< without retired ones
    std::vector<KnownAgent> agents;      ///< that answer for one of these
};
/// Of every shop, each read as itself.
ShopFacts read_shop_facts(const Secret& url);

}  // namespace relevo
