#include "postgres/request_stores.hpp"

#include "core/json_object.hpp"
#include "postgres/credential_line.hpp"
#include "postgres/identity_stores.hpp"
#include "postgres/json.hpp"
#include "postgres/request_database.hpp"
#include "postgres/vault.hpp"

namespace relevo {
namespace {

/// The vault, for one request. The rows note by themselves who changed them.
class PostgresCredentialStore final : public CredentialStore {
  public:
    PostgresCredentialStore(RequestDatabase& database, std::shared_ptr<MasterKeys> masters,
                            const std::string& installation)
        : database_(database),
          masters_(std::move(masters)),
          vault_(database, masters_),
          installation_(installation) {}

    Task<std::vector<CredentialLine>> list(TenantId tenant) override {
        auto asked = vault_.list(tenant);
        std::vector<CredentialLine> lines;
        for (const auto& credential : co_await std::move(asked))
            lines.push_back(credential_line(*masters_, tenant, credential, installation_));
        co_return lines;
    }

    Task<std::optional<CredentialLine>> find(TenantId tenant, std::string category,
                                             std::string name) override {
        auto asked = vault_.list(tenant);
        for (const auto& credential : co_await std::move(asked)) {
            if (credential.category == category && credential.name == name)
                co_return credential_line(*masters_, tenant, credential, installation_);
        }
        co_return std::nullopt;
    }

    Task<void> put(TenantId tenant, std::string category, std::string name, Secret value,
                   Actor actor) override {
        database_.act_as(actor);
        std::vector<StatedCredential> stated;
        stated.push_back({std::move(category), std::move(name), std::move(value)});
        auto done = vault_.put(tenant, std::move(stated));
        co_await std::move(done);
    }

    Task<bool> remove(TenantId tenant, std::string category, std::string name, Actor actor) override {
        database_.act_as(actor);
        auto done = vault_.remove(tenant, std::move(category), std::move(name));
        co_return co_await std::move(done);
    }

  private:
    RequestDatabase& database_;
    std::shared_ptr<MasterKeys> masters_;
    PostgresVault vault_;
    const std::string& installation_;
};

class PostgresRequestStores final : public RequestStores {
  public:
    PostgresRequestStores(Database& database, std::shared_ptr<MasterKeys> masters,
                          const std::string& installation, std::optional<Once> once)
        : database_(database, std::move(once)),
          people_(make_people_store(database_)),
          tenants_(make_tenant_store(database_)),
          sessions_(make_session_store(database_)),
          agents_(make_agent_store(database_)),
          accounts_(make_account_store(database_, database, masters)),
          credentials_(database_, std::move(masters), installation),
          conversations_(make_conversation_store(database_)),
          billing_(make_billing_store(database_)),
          crm_(make_crm_store(database_)),
          persons_(make_person_store(database_)) {}

    PeopleStore& people() override { return *people_; }
    TenantStore& tenants() override { return *tenants_; }
    SessionStore& sessions() override { return *sessions_; }
    CredentialStore& credentials() override { return credentials_; }
    AgentStore& agents() override { return *agents_; }
    AccountStore& accounts() override { return *accounts_; }
    ConversationStore& conversations() override { return *conversations_; }
    BillingStore& billing() override { return *billing_; }
    CrmStore& crm() override { return *crm_; }
    PersonStore& persons() override { return *persons_; }
    void hold() override { database_.hold(); }
    bool repeated() const override { return database_.repeated(); }

  private:
    RequestDatabase database_;
    std::unique_ptr<PeopleStore> people_;
    std::unique_ptr<TenantStore> tenants_;
    std::unique_ptr<SessionStore> sessions_;
    std::unique_ptr<AgentStore> agents_;
    std::unique_ptr<AccountStore> accounts_;
    PostgresCredentialStore credentials_;
    std::unique_ptr<ConversationStore> conversations_;
    std::unique_ptr<BillingStore> billing_;
    std::unique_ptr<CrmStore> crm_;
    std::unique_ptr<PersonStore> persons_;
};

class PostgresRequestBook final : public RequestBook {
  public:
    PostgresRequestBook(Database& database, std::shared_ptr<MasterKeys> masters, std::string installation)
        : database_(database), masters_(std::move(masters)), installation_(std::move(installation)) {}

    std::unique_ptr<RequestStores> begin(std::optional<Once> once) override {
        return std::make_unique<PostgresRequestStores>(database_, masters_, installation_, std::move(once));
    }

    Task<std::int64_t> forget(SysTime before) override {
        std::string request = JsonObject().time("before", before).str();
        auto asked = database_.call("forget_api_requests", TenantId{}, std::move(request));
        co_return Json::parse(co_await std::move(asked)).number();
    }

  private:
    Database& database_;
    std::shared_ptr<MasterKeys> masters_;
    const std::string installation_;
};

}  // namespace

std::unique_ptr<RequestBook> make_request_book(Database& database, std::shared_ptr<MasterKeys> masters,
                                               std::string installation) {
    return std::make_unique<PostgresRequestBook>(database, std::move(masters), std::move(installation));
}

}  // namespace relevo
