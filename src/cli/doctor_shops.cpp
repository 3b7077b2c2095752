#include <algorithm>
#include <charconv>

#include "cli/doctor.hpp"

namespace relevo {
namespace {

Findings redis_version(const RedisFacts& redis, const Setting&) {
    int major = 0;
    std::from_chars(redis.version.data(), redis.version.data() + redis.version.size(), major);
    if (major >= 7) return {all_well("Redis " + redis.version)};
    return {wrong("Redis " + redis.version + " is too old", "upgrade it to 7 or newer, or to Valkey")};
}

// It holds only what can be rebuilt.
Findings eviction(const RedisFacts& redis, const Setting&) {
    if (redis.max_memory > 0 && redis.eviction == "noeviction") {
        return {warning("Redis refuses writes once its memory is full (maxmemory-policy noeviction)",
                        "CONFIG SET maxmemory-policy allkeys-lru: nothing in it is lost for good")};
    }
    return {
        all_well(redis.max_memory > 0 ? "maxmemory-policy " + redis.eviction : "Redis has no memory limit")};
}

Findings redis_clock(const RedisFacts& redis, const Setting&) {
    return judge_clock("Redis's clock", redis.ahead);
}

constexpr Check<RedisFacts> checks_of_redis[] = {
    {"Redis version", redis_version},
    {"Redis memory", eviction},
    {"Redis clock", redis_clock},
};

Findings paused(const std::vector<Pause>& pauses, const Setting&) {
    Findings findings;
    for (const auto& pause : pauses) {
        findings.push_back(
            warning(fmt::format("{} is paused for {} since {} by {}{}", pause.stage,
                                pause.shop.empty() ? "all shops" : pause.shop, to_iso8601(pause.since),
                                pause.by, pause.reason.empty() ? "" : ": " + pause.reason),
                    fmt::format("relevo resume {}{}", pause.stage,
                                pause.shop.empty() ? "" : " --tenant " + pause.shop)));
    }
    return or_all_well(std::move(findings), "no stage is paused");
}

constexpr Check<std::vector<Pause>> checks_of_pauses[] = {{"pauses", paused}};

Findings operator_role(const WaitingFacts& waiting, const Setting&) {
    const RoleFacts& role = waiting.role;
    if (!role.superuser && !role.bypasses_policies && !role.owns_tables)
        return {all_well(role.name + " only reads")};
    return {wrong(fmt::format("postgres.operator_url names {}, who may do more than read", role.name),
                  "set it to the role relevo_operator")};
}

Findings dead_letters(const WaitingFacts& waiting, const Setting&) {
    Findings findings;
    for (const auto& [stage, count] : waiting.dead_letters) {
        findings.push_back(warning(fmt::format("{} dead letters of {} wait", count, stage),
                                   fmt::format("relevo dead list --stage {}", stage)));
    }
    return or_all_well(std::move(findings), "no dead letter waits");
}

// Nothing parked is due for longer than wake needs.
Findings timers(const WaitingFacts& waiting, const Setting&) {
    constexpr Millis late{60'000};
    if (waiting.longest_overdue < late) return {all_well("no timer is overdue")};
    return {wrong(fmt::format("{} timers are due, one for {} s", waiting.overdue_timers,
                              waiting.longest_overdue.count() / 1'000),
                  "see that a process runs wake: relevo run wake")};
}

Findings connections(const WaitingFacts& waiting, const Setting&) {
    Findings findings;
    for (const auto& it : waiting.connections) {
        if (it.code.empty()) {
            findings.push_back(wrong(
                fmt::format("{}'s {} connection to Meta has not been renewed for days", it.shop, it.what),
                "see that a process runs ingress and reaches Meta: relevo run ingress"));
            continue;
        }
        findings.push_back(wrong(fmt::format("Meta refuses {}'s {}: {}", it.shop, it.what, it.code),
                                 "somebody of the shop signs in at Meta again: POST /v1/meta-connections"));
    }
    return or_all_well(std::move(findings), "no connection to Meta is refused");
}

constexpr Check<WaitingFacts> checks_of_waiting[] = {
    {"operator's role", operator_role},
    {"dead letters", dead_letters},
    {"timers", timers},
    {"connections to Meta", connections},
};

using Credentials = std::vector<CredentialFacts>;

Findings credentials_open(const Credentials& credentials, const Setting& setting) {
    Findings findings;
    for (const auto& credential : credentials) {
        if (credential.opens) continue;
        findings.push_back(wrong(
            fmt::format("{}'s credential {} {} does not open with the master key", credential.shop,
                        credential.category, credential.name),
            fmt::format("restore {} as it was, or state the credential again: relevo shops apply",
                        setting.config.master_key_command.empty() ? setting.config.master_key_file.string()
                                                                  : "what master_key_command prints")));
    }
    return or_all_well(std::move(findings),
                       fmt::format("{} credentials open with the master key", credentials.size()));
}

constexpr Check<Credentials> checks_of_credentials[] = {{"credentials", credentials_open}};

using Accounts = std::vector<AccountFacts>;

std::string name_of(const AccountFacts& account) {
    return fmt::format("{}'s {} account {}", account.shop, account.channel, account.account);
}

// Offline; nothing where there is nobody to ask.
Findings not_asked(std::ptrdiff_t count, std::string_view what) {
    if (count == 0) return {};
    return {skipped(fmt::format("{} {}: nobody was asked", count, what), "relevo doctor without --offline")};
}

Findings tokens(const Accounts& accounts, const Setting& setting) {
    using Token = AccountCheck::Token;
    const auto has = [&](Token state) {
        return std::count_if(accounts.begin(), accounts.end(), [&](const auto& account) {
            return account.has_token && !account.webhook.empty() && account.check.token == state;
        });
    };
    Findings findings;
    if (setting.offline) findings = not_asked(has(Token::unasked), "tokens");
    for (const auto& account : accounts) {
        if (!account.has_token) {
            findings.push_back(wrong(name_of(account) + " has no token: it cannot answer",
                                     "state it in the shop's file, then relevo shops apply"));
        } else if (account.check.token == Token::refused) {
            findings.push_back(wrong(
                fmt::format("{}: the provider refuses its token: {}", name_of(account), account.check.text),
                "renew it in the shop's file, then relevo shops apply"));
        } else if (account.check.token == Token::unknown) {
            findings.push_back(warning(fmt::format("{}: whether its token is valid cannot be said: {}",
                                                   name_of(account), account.check.text),
                                       "see that this machine reaches the provider; try again"));
        }
    }
    return or_all_well(std::move(findings), fmt::format("{} tokens are valid", has(Token::valid)));
}

Findings webhooks(const Accounts& accounts, const Setting& setting) {
    if (setting.offline) {
        const auto providers = std::count_if(accounts.begin(), accounts.end(),
                                             [](const auto& account) { return !account.webhook.empty(); });
        return or_all_well(not_asked(providers, "webhook addresses"), "no provider has one");
    }
    Findings findings;
    int known = 0;
    for (const auto& account : accounts) {
        if (account.webhook.empty()) continue;
        const std::string ours = setting.config.public_url + account.webhook;
        const auto& theirs = account.check.webhook;
        // An address tells who may call it: neither of both is shown.
        if (theirs && *theirs != ours) {
            findings.push_back(wrong(
                fmt::format("{}: the provider sends its webhooks {}", name_of(account),
                            theirs->empty() ? "nowhere" : "to another address than the one it has here"),
                fmt::format("give the provider the address that relevo shops list shows for {}",
                            account.shop)));
        } else if (!account.check.webhook_problem.empty()) {
            findings.push_back(warning(fmt::format("{}: its webhooks wait at the provider: {}",
                                                   name_of(account), account.check.webhook_problem),
                                       "see that the provider reaches public_url"));
        }
        if (theirs && *theirs == ours) ++known;
    }
    const auto unheard = std::ranges::count_if(accounts, [](const auto& it) {
        return !it.webhook.empty() && !it.check.webhook && it.check.token == AccountCheck::Token::unknown;
    });
    if (findings.empty() && unheard > 0) {
        return {skipped(fmt::format("{} webhook addresses: their providers do not answer", unheard),
                        "see tokens above")};
    }
    return or_all_well(std::move(findings),
                       fmt::format("{} providers have the right webhook address", known));
}

constexpr Check<Accounts> checks_of_accounts[] = {
    {"tokens", tokens},
    {"webhooks", webhooks},
};

Findings answers_healthz(const HttpResponse& response, const Setting& setting) {
    const std::string& url = setting.config.public_url;
    if (response.status == 200) return {all_well(url + "/healthz answers")};
    if (response.status == 503) {
        return {wrong(url + "/healthz says 503: a loop of that process is stuck",
                      "restart it, and look at its log")};
    }
    return {wrong(
        fmt::format("{}/healthz says {}: something else than relevo answers there", url, response.status),
        "lead public_url to the process that runs ingress")};
}

constexpr Check<HttpResponse> checks_of_address[] = {{"public address answers", answers_healthz}};

}  // namespace

std::span<const Check<RedisFacts>> redis_checks() {
    return checks_of_redis;
}

std::span<const Check<std::vector<Pause>>> pause_checks() {
    return checks_of_pauses;
}

std::span<const Check<WaitingFacts>> waiting_checks() {
    return checks_of_waiting;
}

std::span<const Check<Credentials>> credential_checks() {
    return checks_of_credentials;
}

std::span<const Check<Accounts>> account_checks() {
    return checks_of_accounts;
}

std::span<const Check<HttpResponse>> address_checks() {
    return checks_of_address;
}

}  // namespace relevo
