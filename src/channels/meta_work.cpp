#include <algorithm>
#include <array>
#include <utility>

#include "channels/meta_connect.hpp"
#include "channels/meta_places.hpp"
#include "core/log.hpp"

namespace relevo {
namespace {

// Whoever makes a connection due works at it in the same call: what they leave is the worker's.
constexpr Millis head_start{2'000};
// Longer than all that is asked of Meta under one lease takes.
constexpr Millis lease_for{5 * 60'000};
constexpr int accounts_at_once = 5;
constexpr int connections_at_once = 50;
// What Meta's long-lived tokens last, where it does not say.
constexpr Millis usual_life{60LL * 24 * 3'600'000};
constexpr Millis before_end{7LL * 24 * 3'600'000};
constexpr std::array retries{Millis{60'000}, Millis{5 * 60'000}, Millis{15 * 60'000}, Millis{3'600'000},
                             Millis{3 * 3'600'000}};

SysTime refresh_time(SysTime now, Millis lives) {
    return now + lives - std::min<Millis>(before_end, lives / 2);
}

}  // namespace

Task<void> MetaConnect::keep() {
    for (;;) {
        auto waited = parts_.clock.sleep_until(parts_.clock.now() + parts_.settings.look_every);
        co_await std::move(waited);
        try {
            auto worked = work_due(head_start);
            co_await std::move(worked);
        } catch (const Failure& failure) {
            log_warn("meta.unkept", {{"code", failure.error().code}, {"text", failure.error().text}});
        }
    }
}

Task<int> MetaConnect::work_due(Millis since) {
    int done = 0;
    // one by one: the lease of one that waits would run meanwhile
    for (; done < connections_at_once; ++done) {
        const SysTime now = parts_.clock.now();
        auto asked = parts_.store.lease_due(now - since, now + lease_for, 1);
        const auto leases = co_await std::move(asked);
        if (leases.empty()) break;
        auto worked = work(leases.front());
        co_await std::move(worked);
    }
    co_return done;
}

Task<void> MetaConnect::work(TenantId tenant, MetaConnectionId id) {
    const SysTime now = parts_.clock.now();
    auto asked = parts_.store.lease(tenant, id, now, now + lease_for);
    const auto lease = co_await std::move(asked);
    if (!lease) co_return;  // whoever has it sees what is due
    auto worked = work(*lease);
    co_await std::move(worked);
}

Task<void> MetaConnect::work(MetaLease lease) {
    auto looked = parts_.store.find(lease.tenant, lease.id);
    const auto connection = co_await std::move(looked);
    if (!connection) co_return;
    auto advanced = attempt(lease, *connection);
    const auto outcome = co_await std::move(advanced);
    std::optional<Error> error;
    std::optional<SysTime> retry_at;
    if (!outcome) {
        const SysTime now = parts_.clock.now();
        error = outcome.error();
        const auto& ends = connection->token_expires_at;
        if (error->fault == Fault::transient && ends && now >= *ends) {
            error = Error{Fault::permanent, "meta.expired",
                          "the token ended before Meta could be asked for another; sign in at Meta again"};
        }
        if (error->fault == Fault::transient) {
            const auto last = static_cast<int>(retries.size()) - 1;
            const auto pause =
                retries.at(static_cast<std::size_t>(std::clamp(connection->attempts, 0, last)));
            retry_at = now + std::max(pause, error->retry_after.value_or(Millis{0}));
            tell("retried", error->code);
        } else {
            tell("refused", error->code);
            log_error("meta.refused", {{"tenant", lease.tenant.value},
                                       {"connection", lease.id.to_string()},
                                       {"kind", name_of(connection->kind)},
                                       {"code", error->code},
                                       {"text", error->text}});
        }
    }
    auto settled = parts_.store.settle(lease, std::move(error), retry_at, short_token_place(lease.id));
    co_await std::move(settled);
}

// What a store throws, such as a secret that does not open, ends this connection's turn and nobody else's. It
// is ours to mend and not the shop's: it is tried again until the token ends.
Task<Result<void>> MetaConnect::attempt(MetaLease lease, MetaConnection connection) {
    try {
        auto advanced = advance(lease, std::move(connection));
        co_return co_await std::move(advanced);
    } catch (const Failure& failure) {
        const Error& error = failure.error();
        log_error("meta.unkept", {{"tenant", lease.tenant.value},
                                  {"connection", lease.id.to_string()},
                                  {"code", error.code},
                                  {"text", error.text}});
        co_return Error{Fault::transient, error.code, "the server failed; it is tried again",
                        error.retry_after};
    }
}

Task<Result<void>> MetaConnect::advance(MetaLease lease, MetaConnection connection) {
    const SysTime now = parts_.clock.now();
    const bool fresh = connection.status == "exchanged";
    if (!fresh && connection.status != "connected") co_return Result<void>();
    if (fresh || (connection.refresh_at && *connection.refresh_at <= now)) {
        auto asked = renew(lease, connection);
        const auto renewed = co_await std::move(asked);
        if (!renewed) co_return renewed.error();
        // one that replaces another has that one's accounts now
        auto looked = parts_.store.find(lease.tenant, lease.id);
        auto found = co_await std::move(looked);
        if (!found) co_return Result<void>();
        connection = std::move(*found);
    }
    int brought = 0;
    for (const auto& account : connection.accounts) {
        if (account.step == "ready" || !account.code.empty() || brought == accounts_at_once) continue;
        ++brought;
        auto asked = bring(lease, connection, account);
        const auto done = co_await std::move(asked);
        if (!done) co_return done.error();
    }
    co_return Result<void>();
}

Task<Result<void>> MetaConnect::renew(MetaLease lease, MetaConnection connection) {
    const bool fresh = connection.status == "exchanged";
    const MetaSecret place = fresh ? short_token_place(connection.id) : token_place(connection.kind);
    auto opened = parts_.store.secret(lease.tenant, place.category, place.name);
    Secret known = co_await std::move(opened);
    if (known.empty()) {
        co_return Error{Fault::permanent, "meta.no_token",
                        "the vault has the token no more; sign in at Meta again"};
    }
    auto asked = fresh ? parts_.graph.lengthen(connection.kind, std::move(known))
                       : parts_.graph.refresh(connection.kind, std::move(known));
    const auto given = co_await std::move(asked);
    if (!given) co_return given.error();
    std::vector<MetaSecret> tokens{token_place(connection.kind)};
    tokens.front().value = given->value;
    auto listed = parts_.store.list(lease.tenant);
    const auto connections = co_await std::move(listed);
    if (fresh) {
        auto compared = check_replaced(connections, connection.kind, given->value);
        const auto covered = co_await std::move(compared);
        if (!covered) co_return covered.error();
    }
    if (connection.kind == MetaKind::facebook && has_numbers(connections)) {
        tokens.push_back({category_of("whatsapp"), std::string(token_name), given->value});
    }
    // the operator may have changed the app's secret since it was written
    const Secret& app_secret = parts_.settings.app(connection.kind).secret;
    const auto channels = channels_of(connection.kind);
    for (const auto channel : channels) {
        auto looked = parts_.store.rules(lease.tenant, std::string(channel));
        const bool ours = co_await std::move(looked);
        if (ours) tokens.push_back({category_of(channel), std::string(app_secret_name), app_secret});
    }
    const SysTime now = parts_.clock.now();
    const Millis lives = given->lives.value_or(usual_life);
    auto kept = parts_.store.keep_token(lease, std::move(tokens),
                                        fresh ? std::optional<MetaSecret>(place) : std::nullopt, now + lives,
                                        refresh_time(now, lives));
    const bool held = co_await std::move(kept);
    if (held) tell(fresh ? "connected" : "refreshed");
    co_return Result<void>();
}

// What the shop sends and receives with must not stop because somebody connects with another login.
Task<Result<void>> MetaConnect::check_replaced(std::vector<MetaConnection> connections, MetaKind kind,
                                               Secret token) {
    std::vector<MetaAsset> served;
    for (const auto& connection : connections) {
        if (connection.kind != kind || connection.status != "connected") continue;
        for (const auto& account : connection.accounts) {
            if (account.step == "ready") served.push_back(account.asset);
        }
    }
    if (served.empty()) co_return Result<void>();
    auto asked = parts_.graph.assets(kind, std::move(token));
    const auto controlled = co_await std::move(asked);
    if (!controlled) co_return controlled.error();
    for (const auto& asset : served) {
        const bool kept = std::ranges::any_of(*controlled, [&](const MetaAsset& it) {
            return it.channel == asset.channel && it.external_id == asset.external_id;
        });
        if (kept) continue;
        co_return Error{Fault::permanent, "meta.other_assets",
                        "this sign-in does not control " + asset.channel + " " + asset.external_id +
                            ", which the shop's connection serves; sign in as somebody who controls all "
                            "of the shop's accounts, or take that account from the shop first"};
    }
    co_return Result<void>();
}

Task<Result<void>> MetaConnect::bring(MetaLease lease, MetaConnection connection, MetaAccount account) {
    while (account.step != "ready") {
        const bool subscribes = account.step == "claimed";
        auto asked = subscribes ? subscribe(lease.tenant, connection.kind, account)
                                : register_number(lease.tenant, account.asset.external_id);
        const auto done = co_await std::move(asked);
        // a token that is no good is no good for the others either
        if (!done && (done.error().fault == Fault::transient || done.error().code == "meta.bad_token"))
            co_return done.error();
        const bool registers = subscribes && account.asset.channel == "whatsapp";
        if (done) account.step = registers ? "subscribed" : "ready";
        auto stored = parts_.store.step(lease, account.id, account.step, done ? "" : done.error().code,
                                        done ? "" : done.error().text, parts_.clock.now());
        const bool held = co_await std::move(stored);
        if (!held) co_return Result<void>();
        if (done) continue;
        tell("account_refused", done.error().code);
        log_error("meta.account_refused", {{"tenant", lease.tenant.value},
                                           {"channel", account.asset.channel},
                                           {"account", account.asset.external_id},
                                           {"code", done.error().code},
                                           {"text", done.error().text}});
        co_return Result<void>();
    }
    tell("account_ready");
    co_return Result<void>();
}

Task<Result<void>> MetaConnect::subscribe(TenantId tenant, MetaKind kind, MetaAccount account) {
    const std::string category = category_of(account.asset.channel);
    auto opened = token(tenant, kind);
    Secret its_token = co_await std::move(opened);
    if (account.asset.channel == "messenger") {
        auto asked = parts_.graph.page_token(account.asset.external_id, std::move(its_token));
        const auto of_page = co_await std::move(asked);
        if (!of_page) co_return of_page.error();
        its_token = *of_page;
        std::vector<MetaSecret> secrets;
        secrets.push_back({category, std::string(token_name) + "_" + account.asset.external_id, its_token});
        auto kept = parts_.store.keep_secrets(tenant, std::move(secrets));
        co_await std::move(kept);
    }
    auto looked = parts_.store.address(tenant, account.id);
    const std::string key = co_await std::move(looked);
    auto challenged = parts_.store.secret(tenant, category, "VERIFY_TOKEN");
    Secret challenge = co_await std::move(challenged);
    const std::string callback =
        parts_.settings.webhooks_url + "/webhooks/" + account.asset.channel + "/" + key;
    auto asked = parts_.graph.subscribe(account.asset, std::move(its_token), callback, std::move(challenge));
    co_return co_await std::move(asked);
}

Task<Result<void>> MetaConnect::register_number(TenantId tenant, std::string number) {
    auto opened = token(tenant, MetaKind::facebook);
    Secret its_token = co_await std::move(opened);
    auto known = parts_.store.secret(tenant, category_of("whatsapp"), pin_name(number));
    Secret pin = co_await std::move(known);
    auto asked = parts_.graph.register_number(std::move(number), std::move(pin), std::move(its_token));
    co_return co_await std::move(asked);
}

void MetaConnect::tell(std::string_view outcome, std::string_view code) const {
    if (parts_.observer) parts_.observer(outcome, code);
}

}  // namespace relevo
