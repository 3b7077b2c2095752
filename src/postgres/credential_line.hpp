#pragma once

#include <string>

#include "domain/vault_book.hpp"
#include "postgres/vault.hpp"

namespace relevo {

/// A credential as people see it. `installation` is its id: a part of the fingerprint's place. Throws as
/// MasterKeys::unwrap, but for what was sealed with a key that is gone.
CredentialLine credential_line(MasterKeys& masters, TenantId tenant, const SealedCredential& credential,
                               const std::string& installation);

}  // namespace relevo
