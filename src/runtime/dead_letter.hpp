#pragma once

#include "core/error.hpp"
#include "core/record.hpp"
#include "domain/stores.hpp"

namespace relevo {

/// What an operator needs to read, mend and redrive the record.
DeadLetter make_dead_letter(const Envelope& record, const std::string& stage, const Error& error, int attempts);

}  // namespace relevo
