#pragma once

#include <memory>
#include <string>

#include "domain/request_stores.hpp"
#include "postgres/database.hpp"
#include "vault/master_keys.hpp"

namespace relevo {

/// The stores of the API's requests. `installation` is its id. All that is given outlives the book, the book
/// its requests; safe to use from several threads.
std::unique_ptr<RequestBook> make_request_book(Database& database, std::shared_ptr<MasterKeys> masters,
                                               std::string installation);

// One function a file.
std::unique_ptr<TenantStore> make_tenant_store(Database& database);
std::unique_ptr<SessionStore> make_session_store(Database& database);
std::unique_ptr<AgentStore> make_agent_store(Database& database);
/// `real`: where its secrets are read and sealed, whatever `database` makes of calls.
std::unique_ptr<AccountStore> make_account_store(Database& database, Database& real,
                                                 std::shared_ptr<MasterKeys> masters);
std::unique_ptr<ConversationStore> make_conversation_store(Database& database);
std::unique_ptr<BillingStore> make_billing_store(Database& database);
std::unique_ptr<CrmStore> make_crm_store(Database& database);
std::unique_ptr<PersonStore> make_person_store(Database& database);

}  // namespace relevo
