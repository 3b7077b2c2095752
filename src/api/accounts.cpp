#include <algorithm>
#include <cctype>

#include "api/list.hpp"
#include "domain/channel.hpp"

namespace relevo {
namespace {

constexpr Millis ask_again{5'000};

JsonObject object_of(const AccountRow& account, const std::string& public_url) {
    JsonObject object;
    object.id("id", account.id).text("channel", account.channel).text("external_id", account.external_id);
    object.text("name", account.name).number("agent", account.agent.value).flag("chosen", account.chosen);
    if (account.channel == "web") {
        object.text_if_any("widget_key", account.key);
    } else if (!account.key.empty()) {
        object.text("webhook_url", webhook_url(public_url, account.channel, account.key));
    }
    add_time(object, "created_at", account.created_at);
    add_time(object, "retired_at", account.retired_at);
    return object;
}

Problem none(AccountId account) {
    return not_found("Account", account.to_string());
}

ApiHandler list(const std::string& public_url) {
    return [public_url](ApiCall& call) -> Task<ApiResult> {
        auto asked = call.stores.accounts().list(call.tenant());
        auto rows = co_await std::move(asked);
        co_return page_of_all(
            call, std::move(rows), [&](const AccountRow& row) { return object_of(row, public_url).str(); },
            [](const AccountRow& row) { return row.id.to_string(); }, std::less<>());
    };
}

ApiHandler read(const std::string& public_url) {
    return [public_url](ApiCall& call) -> Task<ApiResult> {
        const auto id = call.id<AccountId>("account");
        auto asked = call.stores.accounts().find(call.tenant(), id);
        const auto account = co_await std::move(asked);
        if (!account) co_return none(id);
        co_return entity(object_of(*account, public_url).str());
    };
}

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

// Whoever answers a challenge has its app's secret for webhooks; everybody else is told one of ours.
std::vector<AccountSecret> secrets_of(const ApiCall& call, const Channel& channel) {
    std::vector<AccountSecret> secrets;
    const auto add = [&](std::string_view name, Secret value, bool drawn, bool shared) {
        if (name.empty()) return;
        secrets.push_back(
            {{std::string(channel.credentials()), std::string(name), std::move(value)}, drawn, shared});
    };
    const auto drawn = [&] { return Secret(call.random.hex(16)); };
    const bool has_app = !channel.challenge_secret().empty();
    add(channel.sending_secret(), Secret(call.body.text("token")), false, false);
    add(channel.challenge_secret(), drawn(), true, false);
    add(channel.verification_secret(), has_app ? Secret(call.body.text("app_secret")) : drawn(), !has_app,
        has_app);
    return secrets;
}

/// What is claimed, by its provider's name for it.
struct Wanted {
    Channel* channel = nullptr;
    std::string external_id;
    Secret token;
};

Task<std::variant<Wanted, Problem>> wanted_by(ApiCall& call, const Channels& channels) {
    Wanted wanted{channels.find(call.body.text("channel")), call.body.text("external_id"),
                  Secret(call.body.text("token"))};
    if (!wanted.channel) co_return bad_member("#/channel", "this installation has no such channel");
    if (wanted.channel->sending_secret().empty()) {
        // a page has no provider that names it: its shop does
        auto asked = call.stores.tenants().find(call.tenant());
        const auto shop = co_await std::move(asked);
        if (!shop) co_return not_found("Tenant", call.tenant().to_string());
        wanted.external_id = shop->slug;
        wanted.token = Secret();
        co_return wanted;
    }
    if (wanted.token.empty()) co_return bad_member("#/token", "is missing: it proves whose the account is");
    if (wanted.channel->name() == "telegram") {
        const std::string& token = wanted.token.reveal();
        wanted.external_id = token.substr(0, token.find_first_not_of("0123456789"));
        if (wanted.external_id.empty() || token.find(':') != wanted.external_id.size())
            co_return bad_member("#/token", "must be a bot's, as 123456:ABC; @BotFather tells it");
    }
    if (wanted.external_id.empty()) co_return bad_member("#/external_id", "is missing: which account it is");
    co_return wanted;
}

// Nothing where the provider takes the token for the account.
Task<std::optional<Problem>> check_control(Channel& channel, std::string external_id, Secret token) {
    auto asked = channel.check_account(std::move(external_id), std::move(token));
    const AccountCheck check = co_await std::move(asked);
    if (check.token == AccountCheck::Token::refused) {
        Problem problem =
            bad_member("#/token", "its provider does not take it for this account: " + check.text);
        problem.code = "account.not_controlled";
        co_return problem;
    }
    if (check.token != AccountCheck::Token::unknown) co_return std::nullopt;
    Problem problem{503, "account.provider_away",
                    "the provider cannot say whose the token is now: " + check.text};
    problem.retry_after = ask_again;
    co_return problem;
}

// A channel has one token in the vault: another one must reach what the shop has there already.
Task<std::optional<Problem>> check_others(ApiCall& call, const Wanted& wanted) {
    auto asked = call.stores.accounts().list(call.tenant());
    const auto rows = co_await std::move(asked);
    for (const auto& row : rows) {
        const bool other = row.channel == wanted.channel->name() && row.external_id != wanted.external_id;
        if (!other || row.retired_at) continue;
        auto checked = check_control(*wanted.channel, row.external_id, wanted.token);
        auto problem = co_await std::move(checked);
        if (!problem) continue;
        if (problem->status == 503) co_return problem;
        co_return Problem{409, "account.other_token",
                          "the shop has account " + row.external_id +
                              " too, which this token does not reach; send one that reaches both"};
    }
    co_return std::nullopt;
}

Problem problem_of_claim(const Error& error) {
    if (error.code == "account.no_secret")
        return bad_member("#/" + lower(error.text), "is missing, and the vault has none");
    return problem_of(error, 409);
}

// Where the provider takes the address of its webhooks from us. The account is claimed, whatever it says;
// asked for again it is told again.
Task<void> tell_provider(ApiCall& call, const Wanted& wanted, std::string url, JsonObject& body) {
    if (!wanted.channel->sets_webhook()) co_return;
    auto opened = call.stores.accounts().secret(call.tenant(), std::string(wanted.channel->credentials()),
                                                std::string(wanted.channel->verification_secret()));
    Secret secret = co_await std::move(opened);
    Result<void> told = Error{Fault::permanent, "account.no_secret",
                              "the vault's secret for its webhooks does not open: store another one"};
    if (!secret.empty()) {
        auto asked = wanted.channel->set_webhook(std::move(url), std::move(secret), wanted.token);
        told = co_await std::move(asked);
    }
    body.text("step", told ? "ready" : "claimed");
    if (!told) {
        body.text("code", told.error().code)
            .text("detail", "its provider was not told of webhook_url: " + told.error().text +
                                "; when that is mended, send this request again");
    }
}

ApiHandler claim(const Channels& channels, const std::string& public_url) {
    return [&channels, public_url](ApiCall& call) -> Task<ApiResult> {
        auto read = wanted_by(call, channels);
        auto read_as = co_await std::move(read);
        if (auto* problem = std::get_if<Problem>(&read_as)) co_return std::move(*problem);
        const auto& wanted = std::get<Wanted>(read_as);
        auto checked = check_control(*wanted.channel, wanted.external_id, wanted.token);
        if (auto problem = co_await std::move(checked)) co_return std::move(*problem);
        const bool alone = wanted.channel->challenge_secret().empty();
        if (!alone) {
            auto compared = check_others(call, wanted);
            if (auto problem = co_await std::move(compared)) co_return std::move(*problem);
        }
        NewAccount account{std::string(wanted.channel->name()),
                           wanted.external_id,
                           call.body.text("name"),
                           call.random.hex(16),
                           alone,
                           secrets_of(call, *wanted.channel)};
        auto claimed = call.stores.accounts().claim(call.tenant(), std::move(account), call.actor());
        const auto drawn = co_await std::move(claimed);
        if (!drawn) co_return problem_of_claim(drawn.error());
        const AccountId id = account_id(wanted.channel->name(), wanted.external_id);
        auto read_back = call.stores.accounts().find(call.tenant(), id);
        const auto row = co_await std::move(read_back);
        if (!row) co_return none(id);
        JsonObject body = object_of(*row, public_url);
        for (const auto& secret : *drawn) body.text(lower(secret.name), secret.value.reveal());
        auto told = tell_provider(call, wanted, webhook_url(public_url, row->channel, row->key), body);
        co_await std::move(told);
        Answer answer{.status = 201, .body = body.str()};
        answer.headers.emplace_back("Location", "/v1/accounts/" + id.to_string());
        co_return answer;
    };
}

ApiHandler change(const std::string& public_url) {
    return [public_url](ApiCall& call) -> Task<ApiResult> {
        const auto id = call.id<AccountId>("account");
        call.stores.hold();
        auto asked = call.stores.accounts().find(call.tenant(), id);
        const auto before = co_await std::move(asked);
        if (!before) co_return none(id);
        if (auto problem = check_if_match(call, object_of(*before, public_url).str()))
            co_return std::move(*problem);
        AccountChange wanted;
        wanted.name = call.body.text_if_any("name");
        if (call.body.has("agent")) wanted.agent = AgentId{call.body.whole_if_any("agent").value_or(0)};
        auto changed = call.stores.accounts().change(call.tenant(), id, std::move(wanted), call.actor());
        const auto done = co_await std::move(changed);
        if (!done && done.error().code == "account.unknown_agent") {
            co_return bad_member("#/agent",
                                 "the shop has published no such agent; GET /v1/agents lists what it has");
        }
        if (!done) co_return none(id);
        auto read_back = call.stores.accounts().find(call.tenant(), id);
        const auto after = co_await std::move(read_back);
        if (!after) co_return none(id);
        co_return entity(object_of(*after, public_url).str());
    };
}

Task<ApiResult> retire(ApiCall& call) {
    const auto id = call.id<AccountId>("account");
    auto asked = call.stores.accounts().retire(call.tenant(), id, call.now, call.actor());
    const bool was_there = co_await std::move(asked);
    if (!was_there) co_return none(id);
    co_return Answer{.status = 204};
}

}  // namespace

std::string webhook_url(const std::string& public_url, const std::string& channel, const std::string& key) {
    return public_url + "/webhooks/" + channel + "/" + key;
}

void add_account_handlers(ApiHandlers& handlers, const Channels& channels, const std::string& public_url) {
    handlers["list_accounts"] = list(public_url);
    handlers["add_account"] = claim(channels, public_url);
    handlers["read_account"] = read(public_url);
    handlers["change_account"] = change(public_url);
    handlers["end_account"] = retire;
}

}  // namespace relevo
