#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/task.hpp"
#include "domain/account_store.hpp"
#include "domain/agent_store.hpp"
#include "domain/billing_store.hpp"
#include "domain/conversation_store.hpp"
#include "domain/crm.hpp"
#include "domain/identity_stores.hpp"
#include "domain/personal_kind.hpp"
#include "domain/person_store.hpp"
#include "domain/secret.hpp"
#include "domain/vault_book.hpp"

namespace relevo {

// What one request of the API reads and changes. Calls throw as those of PeopleStore do.

struct TenantRow {
    TenantId id;
    std::string slug;
    std::string name;
    std::string language;
    std::vector<std::string> cors_origins;  ///< pages of these may call as this shop
    SysTime created_at{};
    std::string time_zone = "UTC";
    std::string fallback_text{};                  ///< what a customer reads when no answer can be made
    PersonalKinds redact = all_personal_kinds();  ///< what of a conversation no model is shown
    std::optional<int> keep_days{};  ///< for as many what customers wrote is kept; nothing: for ever
};

struct NewTenant {
    std::string slug;
    std::string name;
    std::string language = "es";
    std::vector<std::string> cors_origins;
};

/// What is nothing stays.
struct TenantChange {
    std::optional<std::string> name;
    std::optional<std::string> language;
    std::optional<std::vector<std::string>> cors_origins;
    std::optional<std::string> time_zone{};
    std::optional<std::string> fallback_text{};
    std::optional<PersonalKinds> redact{};
    std::optional<std::optional<int>> keep_days{};  ///< with nothing in it: for ever
};

/// The installation's shops, for its operator, and each for its own people. Every change is noted.
class TenantStore {
  public:
    enum class Changed { done, not_found, unknown_time_zone };

    virtual ~TenantStore() = default;
    virtual Task<std::optional<TenantRow>> find(TenantId tenant) = 0;
    /// By id, at most `limit`, after that one.
    virtual Task<std::vector<TenantRow>> list(TenantId after, int limit) = 0;
    /// Nothing where a shop has that slug.
    virtual Task<std::optional<TenantId>> add(NewTenant tenant, Actor actor) = 0;
    /// All of it or nothing. Whoever reads the shop from then on reads it so: nothing of it is remembered.
    virtual Task<Changed> change(TenantId tenant, TenantChange change, Actor actor) = 0;
    /// Whether pages of this origin may call the API as this shop; without a tenant: as any.
    virtual Task<bool> allows_origin(std::optional<TenantId> tenant, std::string origin) = 0;
};

struct SessionRow {
    SessionId id;
    UserId user;
    std::string last4;
    SysTime created_at{};
    SysTime used_at{};
    SysTime expires_at{};
    std::optional<SysTime> ended_at;
};

/// Where a page of sessions ended.
struct SessionPlace {
    SysTime created_at{};
    SessionId id;
};

/// Where a shop's people are signed in.
class SessionStore {
  public:
    virtual ~SessionStore() = default;
    /// Newest first, at most `limit`.
    virtual Task<std::vector<SessionRow>> list(TenantId tenant, std::optional<UserId> user,
                                               std::optional<SessionPlace> after, int limit) = 0;
    /// done, not_found or beyond_actor.
    virtual Task<PeopleStore::Outcome> end(TenantId tenant, SessionId session, SysTime now, Actor actor) = 0;
};

/// A shop's vault. Values go in and do not come out. Every change is noted, without them.
class CredentialStore {
  public:
    virtual ~CredentialStore() = default;
    /// By category and name.
    virtual Task<std::vector<CredentialLine>> list(TenantId tenant) = 0;
    /// The one of that place: no other secret is opened.
    virtual Task<std::optional<CredentialLine>> find(TenantId tenant, std::string category,
                                                     std::string name) = 0;
    virtual Task<void> put(TenantId tenant, std::string category, std::string name, Secret value,
                           Actor actor) = 0;
    /// Whether there was one.
    virtual Task<bool> remove(TenantId tenant, std::string category, std::string name, Actor actor) = 0;
};

/// What a request that may come again is known by.
struct Once {
    std::optional<TenantId> tenant;  ///< none: of the installation
    std::string caller;              ///< kind and id
    std::string key;                 ///< SHA-256 of what the caller calls it, in hex
    std::string request;             ///< SHA-256 of what is asked, in hex
    SysTime now{};
};

/// The stores of one request, for changes that come once and are based on what was read. A call may throw
///  request.in_flight (transient)    the same request is being done right now
///  request.another (permanent)      the caller used the key for another request
///  request.changed (permanent)      what was read before is so no more: nothing was done
class RequestStores {
  public:
    virtual ~RequestStores() = default;
    virtual PeopleStore& people() = 0;
    virtual TenantStore& tenants() = 0;
    virtual SessionStore& sessions() = 0;
    virtual CrmStore& crm() = 0;
    virtual PersonStore& persons() = 0;
    virtual CredentialStore& credentials() = 0;
    virtual AgentStore& agents() = 0;
    virtual AccountStore& accounts() = 0;
    virtual ConversationStore& conversations() = 0;
    virtual BillingStore& billing() = 0;
    /// From now on: what is read must still be so when the next change is made, or that is refused.
    virtual void hold() = 0;
    /// Whether the change that was just asked for had been made before, by the same request. Its result, and
    /// what was read after it, were those of then.
    virtual bool repeated() const = 0;
};

class RequestBook {
  public:
    virtual ~RequestBook() = default;
    /// With `once`, each change comes once, and is noted in the transaction that makes it: a repetition goes
    /// on where the request before was cut off.
    virtual std::unique_ptr<RequestStores> begin(std::optional<Once> once) = 0;
    /// Forgets requests that are older: how many.
    virtual Task<std::int64_t> forget(SysTime before) = 0;
};

}  // namespace relevo
