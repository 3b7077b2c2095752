#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "domain/billing_store.hpp"
#include "domain/conversation_store.hpp"
#include "domain/live.hpp"

namespace relevo::testing {

/// The conversations and the money of every shop. What the real stores promise beyond that is tested beside
/// them.
struct TalkRows {
    std::map<std::pair<TenantId, ConversationId>, ConversationRow> conversations;
    std::map<std::pair<TenantId, ConversationId>, std::vector<MessageRow>> messages;
    std::vector<std::pair<TenantId, UsageRow>> usage;
    std::vector<UsageQuery> asked;
    std::map<TenantId, std::vector<BudgetRow>> budgets;
    std::vector<std::int64_t> agents{17};  // that there are, in every shop
    PriceList prices;
    std::vector<Actor> actors;  // of every change
};

class FakeConversationStore final : public ConversationStore {
  public:
    explicit FakeConversationStore(TalkRows& rows) : rows_(rows) {}

    Task<std::vector<ConversationRow>> list(TenantId tenant, ConversationQuery query) override {
        const auto place = [](const ConversationRow& row) { return std::pair(row.active_minute, row.id); };
        std::vector<ConversationRow> all;
        for (const auto& [key, row] : rows_.conversations) {
            if (key.first != tenant || (query.contact && row.contact != *query.contact)) continue;
            if (!query.channel.empty() && row.channel != query.channel) continue;
            if (!query.standing.empty() && row.standing != query.standing) continue;
            if (!query.after || place(row) < std::pair(query.after->active_minute, query.after->id))
                all.push_back(row);
        }
        std::ranges::sort(all, std::greater<>(), place);
        if (std::ssize(all) > query.limit) all.resize(static_cast<std::size_t>(query.limit));
        co_return all;
    }
    Task<std::optional<ConversationRow>> find(TenantId tenant, ConversationId conversation) override {
        const auto found = rows_.conversations.find({tenant, conversation});
        if (found == rows_.conversations.end()) co_return std::nullopt;
        co_return found->second;
    }
    Task<std::optional<std::vector<MessageRow>>> messages(TenantId tenant, ConversationId conversation,
                                                          std::optional<MessagePlace> after, int limit,
                                                          SysTime) override {
        if (!rows_.conversations.contains({tenant, conversation})) co_return std::nullopt;
        const auto place = [](const MessageRow& row) { return std::pair(row.place.seq, row.place.index); };
        std::vector<MessageRow> all = rows_.messages[{tenant, conversation}];
        std::ranges::sort(all, std::greater<>(), place);
        if (after) {
            std::erase_if(all, [&](const MessageRow& row) {
                return place(row) >= std::pair(after->seq, after->index);
            });
        }
        if (std::ssize(all) > limit) all.resize(static_cast<std::size_t>(limit));
        co_return all;
    }
    Task<bool> hand_over(TenantId tenant, ConversationId conversation, bool to_human, SysTime,
                         Actor actor) override {
        const auto found = rows_.conversations.find({tenant, conversation});
        if (found == rows_.conversations.end()) co_return false;
        found->second.standing = to_human ? "human" : "agent";
        rows_.actors.push_back(std::move(actor));
        co_return true;
    }

  private:
    TalkRows& rows_;
};

class FakeBillingStore final : public BillingStore {
  public:
    explicit FakeBillingStore(TalkRows& rows) : rows_(rows) {}

    Task<std::vector<UsageRow>> usage(TenantId tenant, UsageQuery query) override {
        rows_.asked.push_back(query);
        std::vector<UsageRow> page;
        for (const auto& [owner, row] : rows_.usage) {
            if (owner == tenant && (!query.after || row.line.key > *query.after)) page.push_back(row);
        }
        std::ranges::sort(page, {}, [](const UsageRow& row) { return row.line.key; });
        if (std::ssize(page) > query.limit) page.resize(static_cast<std::size_t>(query.limit));
        co_return page;
    }
    Task<std::vector<BudgetRow>> budgets(TenantId tenant, SysTime) override {
        co_return rows_.budgets[tenant];
    }
    Task<std::optional<BudgetLimits>> limits(TenantId tenant, BudgetName name) override {
        const auto found = std::ranges::find(rows_.budgets[tenant], name, &BudgetRow::name);
        if (found == rows_.budgets[tenant].end()) co_return std::nullopt;
        const BudgetSpec& spec = found->line.budget;
        co_return BudgetLimits{spec.currency, spec.hard, spec.soft};
    }
    Task<bool> put_budget(TenantId tenant, BudgetName name, BudgetLimits limits, SysTime now,
                          Actor actor) override {
        if (name.agent && std::ranges::count(rows_.agents, *name.agent) == 0) co_return false;
        auto& all = rows_.budgets[tenant];
        auto found = std::ranges::find(all, name, &BudgetRow::name);
        if (found == all.end()) found = all.insert(all.end(), BudgetRow{name, {}});
        found->line.budget.period = name.period;
        found->line.budget.currency = limits.currency;
        found->line.budget.hard = limits.hard;
        found->line.budget.soft = limits.soft;
        found->line.from = now;
        found->line.until = now + Millis{86'400'000};
        rows_.actors.push_back(std::move(actor));
        co_return true;
    }
    Task<bool> remove_budget(TenantId tenant, BudgetName name, Actor actor) override {
        rows_.actors.push_back(std::move(actor));
        co_return std::erase_if(rows_.budgets[tenant],
                                [&](const BudgetRow& row) { return row.name == name; }) > 0;
    }
    Task<PriceList> prices() override { co_return rows_.prices; }
    Task<void> put_prices(PriceList prices, Actor actor) override {
        rows_.prices = std::move(prices);
        rows_.actors.push_back(std::move(actor));
        co_return;
    }

  private:
    TalkRows& rows_;
};

/// Remembers what it was told.
class HeardLive final : public Live {
  public:
    std::vector<std::pair<std::string, std::string>> heard;  // channel and payload

    void publish(std::string_view channel, std::string payload) override {
        heard.emplace_back(channel, std::move(payload));
    }
    std::unique_ptr<Subscription> subscribe(std::string, std::function<void(std::string_view)>) override {
        return std::make_unique<Subscription>();
    }
};

}  // namespace relevo::testing
