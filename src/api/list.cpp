#include "api/list.hpp"

namespace relevo {

ApiHandlers api_handlers(const ApiDocument& document, const HandlerParts& parts) {
    ApiHandlers handlers;
    add_document_handlers(handlers, document);
    add_sign_in_handlers(handlers);
    add_session_handlers(handlers);
    add_tenant_handlers(handlers);
    add_user_handlers(handlers);
    add_role_handlers(handlers);
    add_api_key_handlers(handlers);
    add_credential_handlers(handlers);
    add_conversation_handlers(handlers, parts.live);
    add_usage_handlers(handlers);
    add_budget_handlers(handlers, parts.means);
    add_price_handlers(handlers);
    add_crm_handlers(handlers);
    add_person_handlers(handlers, parts.erasure);
    add_audit_handlers(handlers);
    add_meta_handlers(handlers, parts.meta);
    add_agent_handlers(handlers, parts.means);
    add_synonym_handlers(handlers);
    add_account_handlers(handlers, parts.channels, parts.public_url);
    add_webhook_handlers(handlers, parts.channels, parts.public_url);
    return handlers;
}

}  // namespace relevo
