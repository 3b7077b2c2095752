#include "process/vault_book.hpp"

#include <fmt/format.h>

#include "core/await.hpp"
#include "postgres/credential_line.hpp"
#include "postgres/shop_names.hpp"
#include "postgres/vault.hpp"
#include "process/shared.hpp"
#include "vault/key_file.hpp"

namespace relevo {
namespace {

class PostgresVaultBook final : public VaultBook {
  public:
    PostgresVaultBook(const Config& config, const std::string& user)
        : config_(config),
          database_(operator_database(config.postgres_url, user)),
          masters_(master_keys(config)),
          vault_(database_, masters_),
          installation_(await(installation_id(database_))) {}

    std::vector<CredentialLine> list(const std::string& shop) override {
        const TenantId tenant = tenant_of(shop);
        std::vector<CredentialLine> lines;
        for (const auto& credential : await(vault_.list(tenant))) {
            lines.push_back(credential_line(*masters_, tenant, credential, installation_));
        }
        return lines;
    }

    void put(const std::string& shop, const std::string& category, const std::string& name,
             const Secret& value) override {
        await(vault_.put(tenant_of(shop), {{category, name, value}}));
    }

    bool remove(const std::string& shop, const std::string& category, const std::string& name) override {
        return await(vault_.remove(tenant_of(shop), category, name));
    }

    VaultState state() override {
        VaultState state{masters_->versions(), {}};
        for (const auto& shop : all_shops()) {
            for (const int version : await(vault_.masters_of(shop.tenant))) ++state.in_use[version];
        }
        return state;
    }

    int add_master() override {
        const auto& file = key_file();
        const int version = masters_->newest() + 1;
        change_key_file(file, [&](const std::string& text) {
            // somebody else may have been at it meanwhile
            if (parse_master_keys(text, file.string()).rbegin()->first >= version) {
                throw Failure({Fault::transient, "vault.bad_key",
                               file.string() + ": somebody else has just added a key; look again"});
            }
            std::string more = text;
            if (!more.ends_with('\n')) more += '\n';
            return more + new_master_key(version).reveal() + '\n';
        });
        masters_->reload();
        return version;
    }

    void rewrap(const TellShops& tell) override {
        masters_->reload();
        await(vault_.use_master(masters_->newest()));
        const auto all = all_shops();
        std::int64_t done = 0;
        for (const auto& shop : all) {
            await(vault_.rewrap(shop.tenant));
            tell(++done, static_cast<std::int64_t>(all.size()));
        }
    }

    std::vector<int> retire() override {
        const auto& file = key_file();
        const int used = await(vault_.used_master());  // nothing older is used any more by anybody
        const VaultState now = state();
        std::vector<int> retired;
        change_key_file(file, [&](const std::string& text) {
            std::string kept;
            for (const auto& [version, key] : parse_master_keys(text, file.string())) {
                if (version < used && !now.in_use.contains(version)) {
                    retired.push_back(version);
                } else {
                    kept += master_key_line(version, key).reveal() + '\n';
                }
            }
            return kept;
        });
        return retired;
    }

    int rekey(const std::string& shop) override { return await(vault_.rekey(tenant_of(shop))); }

    std::vector<std::string> shops() override {
        std::vector<std::string> slugs;
        for (const auto& shop : all_shops()) slugs.push_back(shop.slug);
        return slugs;
    }

  private:
    std::vector<ShopName> all_shops() { return await(list_shop_names(database_)); }

    TenantId tenant_of(const std::string& slug) {
        if (const auto found = await(find_shop(database_, slug))) return *found;
        throw Failure({Fault::permanent, "vault.unknown_shop",
                       "there is no shop '" + slug + "'; relevo shops list shows those that there are"});
    }

    const std::filesystem::path& key_file() const {
        if (!config_.master_key_file.empty()) return config_.master_key_file;
        throw Failure(
            {Fault::permanent, "vault.no_file",
             "master_key_command gives the keys: change them where it gets them from (relevo keygen "
             "prints a new one)"});
    }

    const Config config_;
    Database database_;
    std::shared_ptr<MasterKeys> masters_;
    PostgresVault vault_;
    std::string installation_;
};

}  // namespace

std::unique_ptr<VaultBook> make_vault_book(const Config& config, const std::string& user) {
    return std::make_unique<PostgresVaultBook>(config, user);
}

Secret new_master_key(int version) {
    return master_key_line(version, SealingKey::draw());
}

void new_master_key_file(const std::filesystem::path& file, int version) {
    new_key_file(file, new_master_key(version));
}

}  // namespace relevo
