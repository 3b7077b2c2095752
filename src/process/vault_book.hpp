#pragma once

#include <memory>

#include "cli/config.hpp"
#include "domain/vault_book.hpp"

namespace relevo {

std::unique_ptr<VaultBook> make_vault_book(const Config& config);
/// A master key's line, for a file or a key store.
Secret new_master_key(int version);

}  // namespace relevo
