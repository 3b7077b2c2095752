#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/ids.hpp"
#include "core/task.hpp"
#include "domain/identity_stores.hpp"
#include "domain/secret.hpp"

namespace relevo {

// How a shop connects its WhatsApp numbers, pages and Instagram accounts: its people sign in at Meta, and the
// token that Meta gives for that is the shop's proof that they are theirs.

using MetaConnectionId = Uuid<struct MetaConnectionTag>;

/// By whose sign-in: Facebook's gives WhatsApp numbers and pages, Instagram's its own accounts.
enum class MetaKind { facebook, instagram };
/// "facebook", "instagram".
std::string_view name_of(MetaKind kind);
std::optional<MetaKind> meta_kind(std::string_view name);

/// The installation's app at Meta, and where Meta is.
struct MetaSettings {
    struct App {
        std::string id;  ///< empty: shops cannot connect this way
        Secret secret;
    };
    App facebook;
    App instagram;
    std::string config_id;     ///< of a Facebook Login for Business configuration; empty: plain permissions
    std::string redirect_uri;  ///< the page that Meta sends people back to; as registered with the app
    std::string dialog_url = "https://www.facebook.com";
    std::string graph_url = "https://graph.facebook.com";
    std::string instagram_dialog_url = "https://www.instagram.com";
    std::string instagram_api_url = "https://api.instagram.com";
    std::string instagram_graph_url = "https://graph.instagram.com";
    std::string webhooks_url;   ///< how Meta reaches our webhooks: https://relevo.example
    Millis look_every{30'000};  ///< how often a worker looks for connections that are due

    const App& app(MetaKind kind) const { return kind == MetaKind::facebook ? facebook : instagram; }
};

/// A number, page or Instagram account that a token controls.
struct MetaAsset {
    std::string channel;      ///< "whatsapp", "messenger", "instagram"
    std::string external_id;  ///< what webhooks and sends call it
    std::string owner;        ///< what is subscribed to webhooks: the WhatsApp business account, or itself
    std::string name;         ///< as people know it
};

/// An asset that the shop has claimed.
struct MetaAccount {
    AccountId id;
    MetaAsset asset;
    std::string step;    ///< claimed, subscribed, ready
    std::string code;    ///< why Meta refused the next step; empty: it goes on
    std::string detail;  ///< in words
};

struct MetaConnection {
    MetaConnectionId id;
    MetaKind kind = MetaKind::facebook;
    std::string status;  ///< started, exchanged, connected, refused, replaced
    std::string code;    ///< why it is refused, or is tried again
    std::string detail;
    SysTime created_at{};
    SysTime open_until{};                     ///< until then the browser may come back
    std::optional<SysTime> token_expires_at;  ///< once it is connected
    std::optional<SysTime> refresh_at;
    int attempts = 0;  ///< in a row that Meta did not answer
    std::vector<MetaAccount> accounts;
};

/// Where a browser goes; what it brings back ends what was begun, once.
struct MetaStart {
    MetaConnectionId id;
    std::string authorize_url;  ///< holds the state: for the caller only
    SysTime open_until{};
};

/// What a shop chose of what its token controls.
struct MetaChoice {
    std::string channel;
    std::string external_id;
    Secret pin;  ///< of a WhatsApp number that has one; empty: one is drawn
};

/// Shops' connections to Meta, for the API. Calls throw what stores throw; errors are "meta.…": permanent
/// ones say what a person can do, transient ones when to ask again.
class MetaConnections {
  public:
    virtual ~MetaConnections() = default;
    /// `caller`: who begins it, and in which session; nobody else can end it. meta.not_configured.
    virtual Task<Result<MetaStart>> begin(TenantId tenant, MetaKind kind, std::string caller,
                                          Actor actor) = 0;
    /// Trades the code for a token that lasts. Asked again after a crash it goes on; with the connection done
    /// it changes nothing. meta.unknown_connection, meta.foreign_state, meta.late, meta.bad_code.
    virtual Task<Result<MetaConnection>> redeem(TenantId tenant, MetaConnectionId id, std::string caller,
                                                Secret state, Secret code, Actor actor) = 0;
    virtual Task<std::vector<MetaConnection>> list(TenantId tenant) = 0;
    virtual Task<std::optional<MetaConnection>> find(TenantId tenant, MetaConnectionId id) = 0;
    /// What the token controls now, as Meta says. meta.unknown_connection, meta.not_connected.
    virtual Task<Result<std::vector<MetaAsset>>> assets(TenantId tenant, MetaConnectionId id) = 0;
    /// The asset becomes the shop's account, where its first agent answers; its webhooks are subscribed, its
    /// number is registered; what Meta cannot do now is done later. meta.not_controlled: the token does not
    /// control it; meta.taken: it is another shop's; meta.no_agent; meta.other_app: the shop's numbers are
    /// under an app of its own; meta.other_token: they send with a token of its own.
    virtual Task<Result<MetaAccount>> claim(TenantId tenant, MetaConnectionId id, MetaChoice choice,
                                            Actor actor) = 0;
};

/// A secret on its way into the vault.
struct MetaSecret {
    std::string category;
    std::string name;
    Secret value;
};

/// The right to work at a connection, until its end. `life` tells it from earlier ones.
struct MetaLease {
    TenantId tenant;
    MetaConnectionId id;
    std::int64_t life = 0;
};

/// What is stored of connections. Every change is one transaction, and is noted with its actor, or as ours.
class MetaStore {
  public:
    enum class Claim { done, taken, no_agent, not_connected };

    virtual ~MetaStore() = default;
    /// `state_hash`: SHA-256, in hex.
    virtual Task<void> begin(TenantId tenant, MetaConnectionId id, MetaKind kind, std::string state_hash,
                             std::string caller, SysTime now, SysTime open_until, Actor actor) = 0;
    /// Whether the connection was begun with this state, by this caller.
    virtual Task<bool> began(TenantId tenant, MetaConnectionId id, std::string state_hash,
                             std::string caller) = 0;
    virtual Task<std::optional<MetaConnection>> find(TenantId tenant, MetaConnectionId id) = 0;
    virtual Task<std::vector<MetaConnection>> list(TenantId tenant) = 0;
    /// Empty where the tenant has none of that name.
    virtual Task<Secret> secret(TenantId tenant, std::string category, std::string name) = 0;

    /// Nothing where somebody is at it, or where it is neither exchanged nor connected.
    virtual Task<std::optional<MetaLease>> lease(TenantId tenant, MetaConnectionId id, SysTime now,
                                                 SysTime until) = 0;
    /// Of all shops, connections that something is due for.
    virtual Task<std::vector<MetaLease>> lease_due(SysTime now, SysTime until, int most) = 0;

    /// started → exchanged, with the short-lived token. Nothing where somebody else was first.
    virtual Task<void> keep_code(TenantId tenant, MetaConnectionId id, MetaSecret token, SysTime now,
                                 Actor actor) = 0;
    /// exchanged or connected → connected, with the token that lasts; `forget` goes. Whether the lease held.
    virtual Task<bool> keep_token(MetaLease lease, std::vector<MetaSecret> tokens,
                                  std::optional<MetaSecret> forget, SysTime expires_at,
                                  SysTime refresh_at) = 0;
    virtual Task<Claim> claim(TenantId tenant, MetaConnectionId id, MetaAsset asset,
                              std::vector<MetaSecret> secrets, SysTime now, Actor actor) = 0;
    virtual Task<void> keep_secrets(TenantId tenant, std::vector<MetaSecret> secrets) = 0;
    /// Whether the shop has accounts of the channel, and each was claimed by a sign-in: then its secrets are
    /// ours to keep up.
    virtual Task<bool> rules(TenantId tenant, std::string channel) = 0;
    /// The key of the webhook address that the account stands under.
    virtual Task<std::string> address(TenantId tenant, AccountId account) = 0;
    /// How far the account came, or why it does not go on. Whether the lease held.
    virtual Task<bool> step(MetaLease lease, AccountId account, std::string step, std::string code,
                            std::string detail, SysTime now) = 0;
    /// Ends the lease. `error` permanent: the connection is refused, and `forget` goes; transient: it is
    /// tried again then. Nothing for one that was replaced meanwhile.
    virtual Task<void> settle(MetaLease lease, std::optional<Error> error, std::optional<SysTime> retry_at,
                              MetaSecret forget) = 0;
};

}  // namespace relevo
