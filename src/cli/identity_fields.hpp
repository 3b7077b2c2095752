#pragma once

#include "domain/identity_settings.hpp"
#include "runtime/yaml_fields.hpp"

namespace relevo {

/// The section `identity` of the installation's settings. Throws yaml::Mistakes.
IdentitySettings read_identity(const YAML::Node& node);

}  // namespace relevo
