#include "api/list.hpp"

namespace relevo {

ApiHandlers api_handlers(const ApiDocument& document, MetaConnections& meta) {
    ApiHandlers handlers;
    add_document_handlers(handlers, document);
    add_sign_in_handlers(handlers);
    add_session_handlers(handlers);
    add_tenant_handlers(handlers);
    add_user_handlers(handlers);
    add_role_handlers(handlers);
    add_api_key_handlers(handlers);
    add_credential_handlers(handlers);
    add_audit_handlers(handlers);
    add_meta_handlers(handlers, meta);
    return handlers;
}

}  // namespace relevo
