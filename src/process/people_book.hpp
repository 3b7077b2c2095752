#pragma once

#include <memory>
#include <string>

#include "cli/config.hpp"
#include "domain/people_book.hpp"

namespace relevo {

/// What they change is noted as `user`'s, who types the command.
std::unique_ptr<PeopleBook> make_people_book(const Config& config, const std::string& user);
std::unique_ptr<OperatorRoll> make_operator_roll(const Config& config, const std::string& user);

}  // namespace relevo
