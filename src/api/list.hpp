#pragma once

#include "api/call.hpp"
#include "domain/identity.hpp"
#include "domain/meta.hpp"

namespace relevo {

/// Every operation that there is, by its id. A new resource is a file of handlers, a line in list.cpp, and
/// what schemas/openapi.yaml says of it.
/// `meta` outlives them.
ApiHandlers api_handlers(const ApiDocument& document, MetaConnections& meta);

// One function a file: it adds the handlers of its resource.
void add_api_key_handlers(ApiHandlers& handlers);
void add_audit_handlers(ApiHandlers& handlers);
void add_credential_handlers(ApiHandlers& handlers);
void add_document_handlers(ApiHandlers& handlers, const ApiDocument& document);
void add_meta_handlers(ApiHandlers& handlers, MetaConnections& meta);
void add_role_handlers(ApiHandlers& handlers);
void add_session_handlers(ApiHandlers& handlers);
void add_sign_in_handlers(ApiHandlers& handlers);
void add_tenant_handlers(ApiHandlers& handlers);
void add_user_handlers(ApiHandlers& handlers);

}  // namespace relevo
