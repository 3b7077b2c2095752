#include "channels/meta_connect.hpp"

#include <algorithm>
#include <utility>

#include "channels/meta_places.hpp"
#include "channels/signature.hpp"
#include "core/digest.hpp"

namespace relevo {
namespace {

constexpr Millis sign_in_takes{15 * 60'000};
Error unknown_connection() {
    return {Fault::permanent, "meta.unknown_connection", "there is no such connection; begin one"};
}

Error not_connected(const MetaConnection& connection) {
    return {Fault::permanent, "meta.not_connected",
            "the connection is " + connection.status + "; begin another, and sign in at Meta"};
}

Error claim_refused(MetaStore::Claim outcome, const MetaConnection& connection) {
    switch (outcome) {
        case MetaStore::Claim::taken:
            return {Fault::permanent, "meta.taken",
                    "another shop of this installation has the account; its operator can tell"};
        case MetaStore::Claim::no_agent:
            return {Fault::permanent, "meta.no_agent", "the shop has no agent that could answer; make one"};
        default:
            return not_connected(connection);
    }
}

}  // namespace

Task<Result<MetaStart>> MetaConnect::begin(TenantId tenant, MetaKind kind, std::string caller, Actor actor) {
    if (parts_.settings.app(kind).id.empty() || parts_.settings.redirect_uri.empty()) {
        co_return Error{Fault::permanent, "meta.not_configured",
                        "the installation has no app at Meta for this; its operator sets `meta` in the "
                        "configuration"};
    }
    const SysTime now = parts_.clock.now();
    const MetaConnectionId id{draw_uuid(parts_.random)};
    const std::string state = id.to_string() + "." + parts_.random.hex(32);
    auto stored = parts_.store.begin(tenant, id, kind, sha256_hex(state), std::move(caller), now,
                                     now + sign_in_takes, std::move(actor));
    co_await std::move(stored);
    co_return MetaStart{id, parts_.graph.authorize_url(kind, state), now + sign_in_takes};
}

Task<Result<MetaConnection>> MetaConnect::redeem(TenantId tenant, MetaConnectionId id, std::string caller,
                                                 Secret state, Secret code, Actor actor) {
    auto looked = parts_.store.find(tenant, id);
    const auto connection = co_await std::move(looked);
    if (!connection) co_return unknown_connection();
    auto asked = parts_.store.began(tenant, id, sha256_hex(state.reveal()), std::move(caller));
    const bool its_own = co_await std::move(asked);
    if (!its_own) {
        co_return Error{Fault::permanent, "meta.foreign_state",
                        "this was not begun by you in this session, or Meta brought back another state; "
                        "begin again"};
    }
    if (connection->status == "started") {
        const SysTime now = parts_.clock.now();
        if (now > connection->open_until) {
            co_return Error{Fault::permanent, "meta.late", "the sign-in took too long; begin again"};
        }
        auto exchanged = parts_.graph.exchange_code(connection->kind, std::move(code));
        const auto given = co_await std::move(exchanged);
        if (!given) co_return given.error();
        MetaSecret kept = short_token_place(id);
        kept.value = given->value;
        auto stored = parts_.store.keep_code(tenant, id, std::move(kept), now, std::move(actor));
        co_await std::move(stored);
    }
    auto worked = work(tenant, id);
    co_await std::move(worked);
    auto read_back = parts_.store.find(tenant, id);
    auto now_is = co_await std::move(read_back);
    if (!now_is) co_return unknown_connection();
    co_return std::move(*now_is);
}

Task<std::vector<MetaConnection>> MetaConnect::list(TenantId tenant) {
    return parts_.store.list(tenant);
}

Task<std::optional<MetaConnection>> MetaConnect::find(TenantId tenant, MetaConnectionId id) {
    return parts_.store.find(tenant, id);
}

Task<Result<std::vector<MetaAsset>>> MetaConnect::assets(TenantId tenant, MetaConnectionId id) {
    auto looked = parts_.store.find(tenant, id);
    const auto connection = co_await std::move(looked);
    if (!connection) co_return unknown_connection();
    if (connection->status != "connected") co_return not_connected(*connection);
    auto opened = token(tenant, connection->kind);
    Secret its_token = co_await std::move(opened);
    auto asked = parts_.graph.assets(connection->kind, std::move(its_token));
    co_return co_await std::move(asked);
}

Task<Result<MetaAccount>> MetaConnect::claim(TenantId tenant, MetaConnectionId id, MetaChoice choice,
                                             Actor actor) {
    auto looked = find(tenant, id);
    const auto connection = co_await std::move(looked);
    if (!connection) co_return unknown_connection();
    // asked anew: what somebody typed, or was shown last week, proves nothing
    auto asked = assets(tenant, id);
    const auto controlled = co_await std::move(asked);
    if (!controlled) co_return controlled.error();
    const auto asset = std::ranges::find_if(*controlled, [&](const MetaAsset& it) {
        return it.channel == choice.channel && it.external_id == choice.external_id;
    });
    if (asset == controlled->end()) {
        co_return Error{Fault::permanent, "meta.not_controlled",
                        "Meta does not say that this sign-in controls the account; choose one of the "
                        "connection's assets"};
    }
    auto gathered = secrets_of(tenant, connection->kind, *asset, std::move(choice.pin));
    auto secrets = co_await std::move(gathered);
    if (!secrets) co_return secrets.error();
    auto claimed =
        parts_.store.claim(tenant, id, *asset, std::move(*secrets), parts_.clock.now(), std::move(actor));
    const auto outcome = co_await std::move(claimed);
    if (outcome != MetaStore::Claim::done) co_return claim_refused(outcome, *connection);
    auto worked = work(tenant, id);
    co_await std::move(worked);
    auto read_back = find(tenant, id);
    const auto after = co_await std::move(read_back);
    const AccountId wanted = account_id(asset->channel, asset->external_id);
    if (!after) co_return unknown_connection();
    const auto account = std::ranges::find(after->accounts, wanted, &MetaAccount::id);
    if (account == after->accounts.end()) co_return not_connected(*after);
    co_return *account;
}

// What verifies the account's webhooks and sends for it. The app's secret goes into the shop's vault, where
// nobody reads it: the webhooks of an address are verified with what its shop has.
Task<Result<std::vector<MetaSecret>>> MetaConnect::secrets_of(TenantId tenant, MetaKind kind, MetaAsset asset,
                                                              Secret pin) {
    const std::string category = category_of(asset.channel);
    const Secret& ours = parts_.settings.app(kind).secret;
    std::vector<MetaSecret> secrets;
    auto opened = parts_.store.secret(tenant, category, std::string(app_secret_name));
    const Secret theirs = co_await std::move(opened);
    auto looked = parts_.store.rules(tenant, asset.channel);
    const bool is_ours = co_await std::move(looked);
    if (theirs.empty() || is_ours) {
        secrets.push_back({category, std::string(app_secret_name), ours});
    } else if (!same_secret(theirs.reveal(), ours)) {
        co_return Error{Fault::permanent, "meta.other_app",
                        "the shop's accounts of this channel are under an app of its own: their webhooks "
                        "could not be verified any more; remove the credential APP_SECRET of " +
                            category + " first"};
    }
    auto challenged = parts_.store.secret(tenant, category, "VERIFY_TOKEN");
    const Secret challenge = co_await std::move(challenged);
    if (challenge.empty()) secrets.push_back({category, "VERIFY_TOKEN", Secret(parts_.random.hex(16))});
    if (asset.channel != "whatsapp") co_return secrets;
    auto held = token(tenant, kind);
    Secret its_token = co_await std::move(held);
    auto sent_with = parts_.store.secret(tenant, category, std::string(token_name));
    const Secret present = co_await std::move(sent_with);
    auto listed = parts_.store.list(tenant);
    const auto connections = co_await std::move(listed);
    if (!present.empty() && !same_secret(present.reveal(), its_token) && !has_numbers(connections)) {
        co_return Error{Fault::permanent, "meta.other_token",
                        "the shop's numbers send with a token of its own, which this would replace; remove "
                        "the credential ACCESS_TOKEN of " +
                            category + " first"};
    }
    secrets.push_back({category, std::string(token_name), std::move(its_token)});
    if (pin.empty()) {
        auto known = parts_.store.secret(tenant, category, pin_name(asset.external_id));
        const Secret earlier = co_await std::move(known);
        if (!earlier.empty()) co_return secrets;
        pin = Secret(std::to_string(100'000 + static_cast<int>(parts_.random.uniform() * 900'000)));
    }
    secrets.push_back({category, pin_name(asset.external_id), std::move(pin)});
    co_return secrets;
}

Task<Secret> MetaConnect::token(TenantId tenant, MetaKind kind) {
    MetaSecret place = token_place(kind);
    return parts_.store.secret(tenant, std::move(place.category), std::move(place.name));
}

}  // namespace relevo
