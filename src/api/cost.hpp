#pragma once

#include <string>

#include "domain/money.hpp"

namespace relevo {

/// As the schema Cost has it: whole millionths of each currency's unit.
std::string json_of(const Cost& cost);

}  // namespace relevo
