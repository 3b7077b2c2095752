#pragma once

#include <optional>
#include <string>

#include "core/ids.hpp"
#include "domain/permissions.hpp"

namespace relevo {

using UserId = Uuid<struct UserTag>;
using SessionId = Uuid<struct SessionTag>;
using ApiKeyId = Uuid<struct ApiKeyTag>;
using AttemptId = Uuid<struct AttemptTag>;

/// Who is calling. Made of what the database says about a secret or an identity that was verified: neither
/// the tenant nor a permission ever comes from a token's claims or from the request.
class Principal {
  public:
    /// installation: someone who runs it, for no shop of their own. service: another process of it.
    enum class Kind { user, api_key, installation, service };

    static Principal user(TenantId tenant, UserId id, std::string name, Permissions permissions,
                          std::optional<SessionId> session = std::nullopt);
    /// `owner` is what the user who made the key may do now: scopes restrict, they never widen.
    static Principal api_key(TenantId tenant, ApiKeyId id, std::string name, Permissions scopes,
                             Permissions owner);
    static Principal platform_operator(std::string id, std::string name);
    static Principal service();

    Kind kind() const { return kind_; }
    bool runs_installation() const { return kind_ == Kind::installation; }
    /// Nothing for an operator or a service that has not chosen a shop.
    std::optional<TenantId> tenant() const { return tenant_; }
    /// What the audit log calls them; unique within the kind.
    const std::string& id() const { return id_; }
    const std::string& name() const { return name_; }
    /// The session that was presented, for signing out.
    std::optional<SessionId> session() const { return session_; }
    const Permissions& permissions() const { return permissions_; }

    /// Within the tenant only: without one nothing is allowed.
    bool allows(Module module, Action action) const;
    /// The same caller at work for that shop; nothing for whoever belongs to another one. An operator may do
    /// there everything but read and answer what customers write; a service may that, and connect accounts.
    std::optional<Principal> within(TenantId tenant) const;

  private:
    Principal(Kind kind, std::optional<TenantId> tenant, std::string id, std::string name,
              Permissions permissions)
        : kind_(kind),
          tenant_(tenant),
          id_(std::move(id)),
          name_(std::move(name)),
          permissions_(permissions) {}

    Kind kind_;
    std::optional<TenantId> tenant_;
    std::string id_;
    std::string name_;
    Permissions permissions_;
    std::optional<SessionId> session_;
};

/// "user", "api_key", "operator", "service": as the audit log has it.
std::string_view name_of(Principal::Kind kind);

}  // namespace relevo
