#pragma once

#include <memory>
#include <string>

#include "cli/config.hpp"
#include "domain/vault_book.hpp"

namespace relevo {

/// What it changes is noted as `user`'s, who types the command.
std::unique_ptr<VaultBook> make_vault_book(const Config& config, const std::string& user);
/// A master key's line, for a key store.
Secret new_master_key(int version);
/// A new file with one. Throws Failure "vault.bad_key" (permanent) where there is such a file.
void new_master_key_file(const std::filesystem::path& file, int version);

}  // namespace relevo
