#pragma once

#include <string>

#include "domain/operator.hpp"

namespace relevo {

std::int64_t total(const Audit& audit);
std::string audit_table(const Audit& audit, SysTime now);
std::string audit_json(const Audit& audit);

}  // namespace relevo
