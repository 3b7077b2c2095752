#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "domain/meta.hpp"

namespace relevo::testing {

/// Connections of every shop, as they are put here; what Meta would say is what a test says.
class FakeMetaConnections final : public MetaConnections {
  public:
    std::map<std::pair<TenantId, MetaConnectionId>, MetaConnection> rows;
    std::optional<Error> refusal;  // of everything that can be refused
    std::vector<std::string> callers;

    Task<Result<MetaStart>> begin(TenantId tenant, MetaKind kind, std::string caller, Actor) override {
        callers.push_back(std::move(caller));
        if (refusal) co_return *refusal;
        MetaConnection row;
        row.id = *MetaConnectionId::parse("00000000-0000-4000-8000-000000000009");
        row.kind = kind;
        row.status = "started";
        rows[{tenant, row.id}] = row;
        co_return MetaStart{row.id, "https://www.facebook.com/dialog/oauth?state=s", row.open_until};
    }
    Task<Result<MetaConnection>> redeem(TenantId tenant, MetaConnectionId id, std::string caller, Secret,
                                        Secret, Actor) override {
        callers.push_back(std::move(caller));
        if (refusal) co_return *refusal;
        const auto found = rows.find({tenant, id});
        if (found == rows.end()) co_return unknown();
        found->second.status = "connected";
        co_return found->second;
    }
    Task<std::vector<MetaConnection>> list(TenantId tenant) override {
        std::vector<MetaConnection> all;
        for (const auto& [key, row] : rows) {
            if (key.first == tenant) all.push_back(row);
        }
        co_return all;
    }
    Task<std::optional<MetaConnection>> find(TenantId tenant, MetaConnectionId id) override {
        const auto found = rows.find({tenant, id});
        if (found == rows.end()) co_return std::nullopt;
        co_return found->second;
    }
    Task<Result<std::vector<MetaAsset>>> assets(TenantId tenant, MetaConnectionId id) override {
        if (refusal) co_return *refusal;
        if (!rows.contains({tenant, id})) co_return unknown();
        co_return std::vector<MetaAsset>{{"whatsapp", "1001", "77", "+54"}};
    }
    Task<Result<MetaAccount>> claim(TenantId tenant, MetaConnectionId id, MetaChoice choice, Actor) override {
        if (refusal) co_return *refusal;
        const auto found = rows.find({tenant, id});
        if (found == rows.end()) co_return unknown();
        MetaAccount account;
        account.id = account_id(choice.channel, choice.external_id);
        account.asset = {choice.channel, choice.external_id, "77", "+54"};
        account.step = "ready";
        found->second.accounts.push_back(account);
        co_return account;
    }

  private:
    static Error unknown() { return {Fault::permanent, "meta.unknown_connection", "there is none"}; }
};

}  // namespace relevo::testing
