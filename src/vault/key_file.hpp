#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "vault/master_keys.hpp"

namespace relevo {

/// The file's text. Throws Failure "vault.bad_key" (permanent).
MasterKeySource master_key_file(std::filesystem::path file);
/// What the shell command prints, as one that asks a key store: 64 KiB within 10 s, with exit code 0. It
/// blocks its caller: at the start, and once a rotation. Throws as above, without what it printed.
MasterKeySource master_key_command(std::string command);

/// Writes the file anew with what `change` makes of its text, readable by its owner only: all of it or
/// nothing, on disk before it returns. Throws Failure "vault.bad_key" where it cannot, or where somebody else
/// is at it.
void change_key_file(const std::filesystem::path& file,
                     const std::function<std::string(const std::string&)>& change);

/// A new file with this line. Throws as above, and where there is such a file: it holds keys.
void new_key_file(const std::filesystem::path& file, const Secret& line);

}  // namespace relevo
