#pragma once

#include <string>
#include <utility>

#include "domain/meta.hpp"
#include "domain/stores.hpp"

namespace relevo {

/// The shops' secrets, as their webhooks are verified with them: where all of a channel's accounts were
/// connected by signing in at Meta, the app's secret is the one that the configuration has now, whatever copy
/// the shop's vault has. `vault` and `store` outlive it.
class MetaAppSecret final : public Vault {
  public:
    MetaAppSecret(Vault& vault, MetaStore& store, MetaSettings settings)
        : vault_(vault), store_(store), settings_(std::move(settings)) {}

    Task<Secret> find(TenantId tenant, std::string category, std::string name) override;

  private:
    Vault& vault_;
    MetaStore& store_;
    const MetaSettings settings_;
};

}  // namespace relevo
