#pragma once

#include <string>
#include <vector>

#include "domain/operator.hpp"

namespace relevo {

std::string letter_json(const Letter& letter);
std::string letters_table(const std::vector<Letter>& letters);
/// All of one letter but for the record's value.
std::string letter_page(const Letter& letter, SysTime now);
std::string unknown_accounts_json(const std::vector<UnknownAccount>& accounts);
std::string unknown_accounts_table(const std::vector<UnknownAccount>& accounts);

}  // namespace relevo
