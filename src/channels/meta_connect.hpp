#pragma once

#include <functional>
#include <string_view>

#include "channels/meta_graph.hpp"
#include "core/clock.hpp"
#include "core/random.hpp"
#include "domain/meta.hpp"

namespace relevo {

/// Told what became of each piece of work: connected, refreshed, retried, refused, account_ready or
/// account_refused; `code` is the error's, or empty.
using MetaObserver = std::function<void(std::string_view outcome, std::string_view code)>;

/// What it works with; all of it outlives it.
struct MetaParts {
    const MetaSettings& settings;
    MetaGraph& graph;
    MetaStore& store;
    Clock& clock;
    Random& random;
    MetaObserver observer;
};

/// Brings each connection from step to step. Every step is stored before the next is asked for, and Meta
/// takes each of them twice, so whoever finds a connection goes on from there; one at a time, by a lease.
class MetaConnect final : public MetaConnections {
  public:
    explicit MetaConnect(MetaParts parts) : parts_(std::move(parts)) {}

    Task<Result<MetaStart>> begin(TenantId tenant, MetaKind kind, std::string caller, Actor actor) override;
    Task<Result<MetaConnection>> redeem(TenantId tenant, MetaConnectionId id, std::string caller,
                                        Secret state, Secret code, Actor actor) override;
    Task<std::vector<MetaConnection>> list(TenantId tenant) override;
    Task<std::optional<MetaConnection>> find(TenantId tenant, MetaConnectionId id) override;
    Task<Result<std::vector<MetaAsset>>> assets(TenantId tenant, MetaConnectionId id) override;
    Task<Result<MetaAccount>> claim(TenantId tenant, MetaConnectionId id, MetaChoice choice,
                                    Actor actor) override;

    /// Refreshes tokens a week before their end, and ends what was cut off. Never ends.
    Task<void> keep();
    /// What has been due for that long: how many connections.
    Task<int> work_due(Millis since = Millis{0});

  private:
    Task<void> work(TenantId tenant, MetaConnectionId id);
    Task<void> work(MetaLease lease);
    Task<Result<void>> attempt(MetaLease lease, MetaConnection connection);
    Task<Result<void>> advance(MetaLease lease, MetaConnection connection);
    Task<Result<void>> renew(MetaLease lease, MetaConnection connection);
    Task<Result<void>> check_replaced(std::vector<MetaConnection> connections, MetaKind kind, Secret token);
    Task<Result<void>> bring(MetaLease lease, MetaConnection connection, MetaAccount account);
    Task<Result<void>> subscribe(TenantId tenant, MetaKind kind, MetaAccount account);
    Task<Result<void>> register_number(TenantId tenant, std::string number);
    Task<Result<std::vector<MetaSecret>>> secrets_of(TenantId tenant, MetaKind kind, MetaAsset asset,
                                                     Secret pin);
    Task<Secret> token(TenantId tenant, MetaKind kind);
    void tell(std::string_view outcome, std::string_view code = {}) const;

    MetaParts parts_;
};

}  // namespace relevo
