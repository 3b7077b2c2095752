#pragma once

#include <optional>
#include <string>
#include <vector>

#include "domain/identity_stores.hpp"
#include "domain/secret.hpp"

namespace relevo {

/// Somebody who runs the installation, by an issuer's token.
struct OperatorLine {
    std::string id;
    std::string name;
    std::string issuer;
    std::string subject;
    bool active = true;
    SysTime created_at{};
};

struct IssuedKey {
    ApiKeyId id;
    Secret secret;  ///< shown this once
    std::string last4;
};

/// A shop's people, roles and keys, for the command line: blocks. Who types may do everything, and is noted.
/// A user is named by e-mail address or id. Every call with a shop's slug may throw Failure
/// "shop.unknown", and what changes something "people.refused" with the reason (permanent).
class PeopleBook {
  public:
    virtual ~PeopleBook() = default;
    virtual std::vector<UserRow> users(const std::string& shop) = 0;
    /// Their invitation.
    virtual Secret add(const std::string& shop, const std::string& email, const std::string& name,
                       const std::vector<std::string>& roles) = 0;
    /// Another invitation, or a reset; one that is still open ends with it.
    virtual Secret invite(const std::string& shop, const std::string& user) = 0;
    virtual void change(const std::string& shop, const std::string& user, const UserChange& change) = 0;
    virtual void end_sessions(const std::string& shop, const std::string& user) = 0;

    virtual std::vector<RoleRow> roles(const std::string& shop) = 0;
    virtual void put_role(const std::string& shop, const std::string& name,
                          const Permissions& permissions) = 0;
    virtual void remove_role(const std::string& shop, const std::string& name) = 0;

    virtual std::vector<KeyRow> keys(const std::string& shop) = 0;
    /// Nobody's key: no user's rights bound it.
    virtual IssuedKey add_key(const std::string& shop, const std::string& name, const Permissions& scopes,
                              std::optional<SysTime> expires_at) = 0;
    virtual void revoke_key(const std::string& shop, const std::string& id) = 0;

    /// Of the shop, or of the installation where `shop` is empty. Newest first.
    virtual std::vector<AuditRow> changes(const std::string& shop, const AuditQuery& query) = 0;
};

/// Who run the installation, for the command line: blocks. Works as the database's owner: throws Failure
/// "people.no_owner" where the configuration names none.
class OperatorRoll {
  public:
    virtual ~OperatorRoll() = default;
    virtual std::vector<OperatorLine> list() = 0;
    /// Their id.
    virtual std::string add(const std::string& name, const std::string& issuer,
                            const std::string& subject) = 0;
    /// Whether there was such a one.
    virtual bool end(const std::string& id) = 0;
};

}  // namespace relevo
