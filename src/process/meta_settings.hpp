#pragma once

#include "cli/config.hpp"
#include "domain/meta.hpp"

namespace relevo {

/// Throws Failure "config.invalid" where a secret's file cannot be read, or holds nothing.
MetaSettings meta_settings(const Config& config);

}  // namespace relevo
