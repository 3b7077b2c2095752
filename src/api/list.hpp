#pragma once

#include "api/call.hpp"
#include "domain/agent_means.hpp"
#include "domain/channel.hpp"
#include "domain/identity.hpp"
#include "domain/live.hpp"
#include "domain/meta.hpp"
#include "domain/person_store.hpp"

namespace relevo {

/// What handlers work with beside the stores of a request; what is referred to outlives them.
struct HandlerParts {
    MetaConnections& meta;
    PersonErasure& erasure;
    const Channels& channels;
    AgentMeans means;
    std::string public_url;  ///< how the world reaches the webhooks: "https://relevo.example"
    Live* live = nullptr;    ///< told what changed in conversations; none: nobody watches
};

/// Every operation that there is, by its id. A new resource is a file of handlers, a line in list.cpp, and
/// what schemas/openapi.yaml says of it.
ApiHandlers api_handlers(const ApiDocument& document, const HandlerParts& parts);

/// Where a provider sends an account's webhooks.
std::string webhook_url(const std::string& public_url, const std::string& channel, const std::string& key);

// One function a file: it adds the handlers of its resource.
void add_account_handlers(ApiHandlers& handlers, const Channels& channels, const std::string& public_url);
void add_agent_handlers(ApiHandlers& handlers, const AgentMeans& means);
void add_api_key_handlers(ApiHandlers& handlers);
void add_audit_handlers(ApiHandlers& handlers);
void add_budget_handlers(ApiHandlers& handlers, const AgentMeans& means);
void add_conversation_handlers(ApiHandlers& handlers, Live* live);
void add_credential_handlers(ApiHandlers& handlers);
void add_crm_handlers(ApiHandlers& handlers);
void add_document_handlers(ApiHandlers& handlers, const ApiDocument& document);
void add_meta_handlers(ApiHandlers& handlers, MetaConnections& meta);
void add_person_handlers(ApiHandlers& handlers, PersonErasure& erasure);
void add_price_handlers(ApiHandlers& handlers);
void add_role_handlers(ApiHandlers& handlers);
void add_session_handlers(ApiHandlers& handlers);
void add_sign_in_handlers(ApiHandlers& handlers);
void add_synonym_handlers(ApiHandlers& handlers);
void add_tenant_handlers(ApiHandlers& handlers);
void add_usage_handlers(ApiHandlers& handlers);
void add_user_handlers(ApiHandlers& handlers);
void add_webhook_handlers(ApiHandlers& handlers, const Channels& channels, const std::string& public_url);

}  // namespace relevo
