#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/task.hpp"
#include "domain/agent_book.hpp"
#include "domain/identity_stores.hpp"
#include "domain/shop.hpp"

namespace relevo {

/// A shop's number, bot or page.
struct AccountRow {
    AccountId id;
    std::string channel;
    std::string external_id;  ///< as its provider calls it
    std::string name;
    AgentId agent;        ///< who answers
    bool chosen = false;  ///< somebody chose that agent for it
    std::string key;      ///< of the address or of the widget; empty: the address is another shop's
    SysTime created_at{};
    std::optional<SysTime> retired_at;  ///< since then it takes nothing
};

/// What the shop's vault must have for an account to work.
struct AccountSecret {
    CredentialSpec credential;  ///< an empty value: the vault has it already
    bool drawn = false;         ///< by us: where the vault has one that one stays
    bool shared = false;  ///< the channel's other accounts live by it too: it is not replaced under them
};

/// An account that the shop has proven to control.
struct NewAccount {
    std::string channel;
    std::string external_id;
    std::string name;
    std::string drawn_key;  ///< of an address, where the channel has none yet
    bool alone = false;     ///< the shop can have one of the channel only
    std::vector<AccountSecret> secrets;
};

/// What is nothing stays.
struct AccountChange {
    std::optional<std::string> name;
    std::optional<AgentId> agent;  ///< 0: whoever the channel has
};

/// An address that accounts of the shop stand under.
struct WebhookRow {
    std::string channel;
    EndpointId endpoint;
    std::string key;  ///< empty: it is another shop's
    std::vector<std::string> accounts;
    std::optional<SysTime> last;  ///< when a conversation of theirs changed
    std::int64_t unknown = 0;     ///< parts without a known shape, of each account's newest thousand
    std::optional<SysTime> unknown_at;
};

/// A shop's accounts, for the API. Every change is noted. Calls throw as those of PeopleStore do.
class AccountStore {
  public:
    virtual ~AccountStore() = default;
    /// Those that take nothing any more too.
    virtual Task<std::vector<AccountRow>> list(TenantId tenant) = 0;
    virtual Task<std::optional<AccountRow>> find(TenantId tenant, AccountId account) = 0;
    /// With its secrets, in one transaction; claimed again it is back. The drawn ones that the vault has from
    /// now on, which somebody must tell the provider. Permanent errors:
    ///  account.taken       it is another shop's
    ///  account.no_agent    nobody is published who could answer
    ///  account.another     another account lives by what this one would replace
    ///  account.no_secret   one is neither stated nor in the vault; the text is its name
    virtual Task<Result<std::vector<CredentialSpec>>> claim(TenantId tenant, NewAccount account,
                                                            Actor actor) = 0;
    /// Permanent errors: account.unknown, account.unknown_agent.
    virtual Task<Result<void>> change(TenantId tenant, AccountId account, AccountChange change,
                                      Actor actor) = 0;
    /// Whether there is such an account.
    virtual Task<bool> retire(TenantId tenant, AccountId account, SysTime now, Actor actor) = 0;
    virtual Task<std::vector<WebhookRow>> webhooks(TenantId tenant) = 0;
    /// For the account's provider and nobody else; empty where the vault has none that opens.
    virtual Task<Secret> secret(TenantId tenant, std::string category, std::string name) = 0;
};

}  // namespace relevo
