#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "domain/request_stores.hpp"
#include "postgres/database.hpp"

namespace relevo {

/// The database as one request of the API sees it: changes come once, and are based on what was read
/// (op_guarded). An operation that begins with list_ or get_ reads; every other one changes something.
/// Throws what RequestStores says, besides what the real one throws.
class RequestDatabase final : public Database {
  public:
    /// `real` outlives it.
    RequestDatabase(Database& real, std::optional<Once> once) : real_(real), once_(std::move(once)) {}

    Task<std::string> call(std::string op, TenantId tenant, std::string request,
                           std::optional<Millis> deadline = std::nullopt) override;
    Task<std::vector<std::string>> call_all(std::string op,
                                            std::vector<std::pair<TenantId, std::string>> requests) override;

    void hold() { held_ = true; }
    /// Whether the last change had been made before.
    bool repeated() const { return repeated_; }
    /// Who acts in the operations that do not name anybody.
    void act_as(const Actor& actor);

  private:
    Task<std::string> guarded(std::string op, TenantId tenant, std::string request,
                              std::optional<Millis> deadline);

    Database& real_;
    const std::optional<Once> once_;
    int steps_ = 0;
    bool held_ = false;
    bool repeated_ = false;
    std::string actor_;              // what a request begins with
    std::vector<std::string> seen_;  // as op_guarded takes it
};

}  // namespace relevo
