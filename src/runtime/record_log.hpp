#pragma once

#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/record.hpp"

namespace relevo {

// What a stage's worker says of single records: where they are and which trace they belong to, never what
// they hold.

void log_failed_attempt(const std::string& stage, const Envelope& record, const Error& error, int attempt);
void log_dead(const std::string& stage, const Envelope& record, const Error& error);
void log_dropped(const std::string& stage, const Envelope& record, std::string_view reason);

}  // namespace relevo
