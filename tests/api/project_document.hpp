#pragma once

#include "api/document.hpp"

namespace relevo::testing {

/// schemas/openapi.yaml.
const ApiDocument& project_document();

}  // namespace relevo::testing
