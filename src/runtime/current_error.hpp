#pragma once

#include "core/error.hpp"

namespace relevo {

/// Of the exception that is being handled. What is no Failure is permanent, "stage.bug", unless it says that
/// somebody cancelled: "stage.cancelled".
Error current_error();

}  // namespace relevo
