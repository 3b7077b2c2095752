#pragma once

#include <string>
#include <utility>

#include "core/error.hpp"

namespace relevo {

// A command that was used wrongly, whether its parser sees it or its action: exit code 2.

constexpr const char* misuse_code = "usage.invalid";

/// To be thrown. `text` says what would be right.
inline Failure misused(std::string text) {
    return Failure({Fault::permanent, misuse_code, std::move(text)});
}

}  // namespace relevo
