#pragma once

#include <string>
#include <string_view>

#include "core/record.hpp"

namespace relevo {

/// A parked record as the value of the record that wakes it: a JSON object with topic, key, value, headers.
std::string encode_timer(const Record& record);

/// The record that was parked. Throws Failure "record.malformed" (permanent) where it is not one.
Record decode_timer(std::string_view value);

}  // namespace relevo
