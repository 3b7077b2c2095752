#include "postgres/credential_line.hpp"

#include <fmt/format.h>

#include "core/utf8.hpp"
#include "vault/fingerprint.hpp"

namespace relevo {

CredentialLine credential_line(MasterKeys& masters, TenantId tenant, const SealedCredential& credential,
                               const std::string& installation) {
    CredentialLine line{credential.category, credential.name, {}, {}, false, credential.updated};
    try {
        const Secret value = open_credential(masters, tenant, credential);
        line.ends_with = clean_utf8(last_characters(value));
        line.fingerprint = fingerprint(value, fmt::format("{}|{}|{}|{}", installation, tenant.value,
                                                          credential.category, credential.name));
        line.opens = true;
    } catch (const Failure& failure) {
        if (failure.error().code != "vault.sealed_otherwise") throw;
    }
    return line;
}

}  // namespace relevo
