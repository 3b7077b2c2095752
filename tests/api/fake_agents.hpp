#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "domain/account_store.hpp"
#include "domain/agent_store.hpp"
#include "domain/channel.hpp"

namespace relevo::testing {

/// The agents and accounts of every shop. What the real stores promise beyond that is tested beside them.
struct AgentRows {
    std::map<std::pair<TenantId, AgentId>, AgentRecord> agents;
    std::map<std::pair<TenantId, AgentId>, std::vector<PublishedAgent>> versions;  // oldest first
    std::map<std::pair<TenantId, AccountId>, AccountRow> accounts;
    std::map<TenantId, std::vector<WebhookRow>> webhooks;
    std::map<std::pair<TenantId, std::string>, std::string> secrets;  // by category/name
    std::map<TenantId, Synonyms> synonyms;
    std::vector<Actor> actors;     // of every change
    std::optional<Error> refusal;  // of what can be refused
};

class FakeAgentStore final : public AgentStore {
  public:
    explicit FakeAgentStore(AgentRows& rows) : rows_(rows) {}

    Task<std::vector<AgentTemplate>> templates() override {
        AgentTemplate sales{"sales", {}};
        sales.settings.prompt = "Vendés.";
        sales.settings.temperature = 0.7;
        AgentTemplate support{"support", {}};
        support.settings.temperature = 0.5;
        co_return std::vector{sales, support};
    }
    Task<std::vector<AgentLine>> list(TenantId tenant) override {
        std::vector<AgentLine> lines;
        for (const auto& [key, row] : rows_.agents) {
            if (key.first == tenant) lines.push_back(row.line);
        }
        co_return lines;
    }
    Task<std::optional<AgentRecord>> find(TenantId tenant, AgentId agent) override {
        const auto found = rows_.agents.find({tenant, agent});
        if (found == rows_.agents.end()) co_return std::nullopt;
        co_return found->second;
    }
    Task<std::vector<AgentVersion>> versions(TenantId tenant, AgentId agent,
                                             std::optional<std::int64_t> before, int limit) override {
        std::vector<AgentVersion> page;
        auto all = rows_.versions[{tenant, agent}];
        std::ranges::reverse(all);
        for (const auto& it : all) {
            const bool wanted = !before || it.version.version < *before;
            if (wanted && std::ssize(page) < limit) page.push_back(it.version);
        }
        co_return page;
    }
    Task<std::optional<PublishedAgent>> version(TenantId tenant, AgentId agent,
                                                std::int64_t version) override {
        for (const auto& it : rows_.versions[{tenant, agent}]) {
            if (it.version.version == version) co_return it;
        }
        co_return std::nullopt;
    }
    Task<Result<AgentId>> add(TenantId tenant, AgentSpec agent, bool publish, Actor actor) override {
        if (rows_.refusal) co_return *rows_.refusal;
        const AgentId id{static_cast<std::int64_t>(rows_.agents.size()) + 17};
        AgentRecord row;
        row.line.id = id;
        row.line.name = agent.name;
        row.draft = agent;
        rows_.agents[{tenant, id}] = row;
        rows_.actors.push_back(actor);
        if (publish) make_version(tenant, id, agent);
        co_return id;
    }
    Task<Result<void>> change(TenantId tenant, AgentId agent, std::optional<std::string> name,
                              std::optional<AgentSpec> draft, Actor actor) override {
        if (rows_.refusal) co_return *rows_.refusal;
        rows_.actors.push_back(actor);
        auto& row = rows_.agents.at({tenant, agent});
        if (name) row.line.name = std::move(*name);
        if (draft) row.draft = std::move(*draft);
        co_return Result<void>();
    }
    Task<Result<int>> publish(TenantId tenant, AgentId agent, AgentSpec settings, int was,
                              Actor actor) override {
        if (rows_.refusal) co_return *rows_.refusal;
        if (rows_.agents.at({tenant, agent}).line.version != was)
            co_return Error{Fault::transient, "agent.changed", "published meanwhile"};
        rows_.actors.push_back(actor);
        co_return make_version(tenant, agent, settings);
    }
    Task<bool> set_own(TenantId tenant, AgentId agent, Actor actor) override {
        if (rows_.agents.at({tenant, agent}).line.version == 0) co_return false;
        for (auto& [key, row] : rows_.agents) {
            if (key.first == tenant) row.line.own = key.second == agent;
        }
        rows_.actors.push_back(actor);
        co_return true;
    }
    Task<Result<void>> remove(TenantId tenant, AgentId agent, SysTime, Actor actor) override {
        if (rows_.refusal) co_return *rows_.refusal;
        if (rows_.agents.erase({tenant, agent}) == 0)
            co_return Error{Fault::permanent, "agent.unknown", "there is none"};
        rows_.actors.push_back(actor);
        co_return Result<void>();
    }

    Task<Synonyms> synonyms(TenantId tenant) override { co_return rows_.synonyms[tenant]; }
    Task<void> set_synonyms(TenantId tenant, Synonyms synonyms, Actor actor) override {
        rows_.actors.push_back(actor);
        rows_.synonyms[tenant] = std::move(synonyms);
        co_return;
    }

  private:
    int make_version(TenantId tenant, AgentId agent, const AgentSpec& settings) {
        auto& row = rows_.agents.at({tenant, agent});
        row.published = settings;
        row.draft.reset();
        auto& versions = rows_.versions[{tenant, agent}];
        row.line.version = static_cast<int>(versions.size()) + 1;
        versions.push_back({{row.line.version, SysTime{}}, settings});
        return row.line.version;
    }

    AgentRows& rows_;
};

class FakeAccountStore final : public AccountStore {
  public:
    explicit FakeAccountStore(AgentRows& rows) : rows_(rows) {}

    Task<std::vector<AccountRow>> list(TenantId tenant) override {
        std::vector<AccountRow> all;
        for (const auto& [key, row] : rows_.accounts) {
            if (key.first == tenant) all.push_back(row);
        }
        co_return all;
    }
    Task<std::optional<AccountRow>> find(TenantId tenant, AccountId account) override {
        const auto found = rows_.accounts.find({tenant, account});
        if (found == rows_.accounts.end()) co_return std::nullopt;
        co_return found->second;
    }
    Task<Result<std::vector<CredentialSpec>>> claim(TenantId tenant, NewAccount account,
                                                    Actor actor) override {
        if (rows_.refusal) co_return *rows_.refusal;
        std::vector<CredentialSpec> drawn;
        auto kept = rows_.secrets;
        for (const auto& secret : account.secrets) {
            const std::string place = secret.credential.category + "/" + secret.credential.name;
            const bool there = kept.contains({tenant, place});
            if (there && (secret.drawn || secret.credential.value.empty())) continue;
            if (secret.credential.value.empty())
                co_return Error{Fault::permanent, "account.no_secret", secret.credential.name};
            kept[{tenant, place}] = secret.credential.value.reveal();
            if (secret.drawn) drawn.push_back(secret.credential);
        }
        rows_.secrets = std::move(kept);
        AccountRow row;
        row.id = account_id(account.channel, account.external_id);
        row.channel = account.channel;
        row.external_id = account.external_id;
        row.name = account.name;
        row.agent = {17};
        row.key = account.drawn_key;
        rows_.accounts[{tenant, row.id}] = row;
        rows_.actors.push_back(actor);
        co_return drawn;
    }
    Task<Result<void>> change(TenantId tenant, AccountId account, AccountChange change,
                              Actor actor) override {
        if (change.agent && change.agent->value != 0 && !rows_.agents.contains({tenant, *change.agent}))
            co_return Error{Fault::permanent, "account.unknown_agent", "there is none"};
        auto& row = rows_.accounts.at({tenant, account});
        if (change.name) row.name = *change.name;
        if (change.agent) row.chosen = change.agent->value != 0;
        if (change.agent && row.chosen) row.agent = *change.agent;
        rows_.actors.push_back(actor);
        co_return Result<void>();
    }
    Task<bool> retire(TenantId tenant, AccountId account, SysTime now, Actor actor) override {
        const auto found = rows_.accounts.find({tenant, account});
        if (found == rows_.accounts.end()) co_return false;
        found->second.retired_at = now;
        rows_.actors.push_back(actor);
        co_return true;
    }
    Task<std::vector<WebhookRow>> webhooks(TenantId tenant) override { co_return rows_.webhooks[tenant]; }
    Task<Secret> secret(TenantId tenant, std::string category, std::string name) override {
        co_return Secret(rows_.secrets[{tenant, category + "/" + name}]);
    }

  private:
    AgentRows& rows_;
};

/// A channel whose provider says of tokens what a test says.
class FakeChannel final : public Channel {
  public:
    using Answers = std::map<std::string, AccountCheck::Token>;  // by account and token
    struct Webhooks {
        std::vector<std::string> set;
        std::optional<Error> refusal;
    };
    /// `told`: the addresses that setWebhook was called with, each with its secret; none: a person tells it.
    FakeChannel(std::string name, std::string category, std::string sends, std::string verifies,
                std::string challenge, const Answers& answers, Webhooks* told = nullptr)
        : name_(std::move(name)),
          category_(std::move(category)),
          sends_(std::move(sends)),
          verifies_(std::move(verifies)),
          challenge_(std::move(challenge)),
          answers_(answers),
          told_(told) {}

    std::string_view name() const override { return name_; }
    ChannelLimits limits() const override { return {}; }
    std::string_view credentials() const override { return category_; }
    std::string_view verification_secret() const override { return verifies_; }
    std::string_view challenge_secret() const override { return challenge_; }
    std::string_view sending_secret() const override { return sends_; }
    Result<void> verify(const HttpRequest&, const Secret&) const override { return {}; }
    Result<Parsed> parse(const HttpRequest&) const override { return Parsed(); }
    Task<Sent> send(Outbound, DeliveryPermit) override { co_return Sent(); }
    Task<AccountCheck> check_account(std::string account, Secret token) override {
        AccountCheck check;
        if (sends_.empty()) co_return check;
        const auto found = answers_.find(account + " " + token.reveal());
        check.token = found == answers_.end() ? AccountCheck::Token::refused : found->second;
        check.text = "as the provider says";
        co_return check;
    }
    bool sets_webhook() const override { return told_ != nullptr; }
    Task<Result<void>> set_webhook(std::string url, Secret secret, Secret token) override {
        if (told_->refusal) co_return *told_->refusal;
        told_->set.push_back(url + " " + secret.reveal() + " " + token.reveal());
        co_return Result<void>();
    }

  private:
    const std::string name_, category_, sends_, verifies_, challenge_;
    const Answers& answers_;
    Webhooks* told_;
};

/// Telegram, WhatsApp and the web, as far as the API knows them.
inline std::vector<std::unique_ptr<Channel>> fake_channels(const FakeChannel::Answers& answers,
                                                           FakeChannel::Webhooks& told) {
    std::vector<std::unique_ptr<Channel>> channels;
    channels.push_back(std::make_unique<FakeChannel>("telegram", "telegram", "BOT_TOKEN", "SECRET_TOKEN", "",
                                                     answers, &told));
    channels.push_back(std::make_unique<FakeChannel>("whatsapp", "whatsapp_cloud", "ACCESS_TOKEN",
                                                     "APP_SECRET", "VERIFY_TOKEN", answers));
    channels.push_back(std::make_unique<FakeChannel>("web", "", "", "", "", answers));
    return channels;
}

}  // namespace relevo::testing
