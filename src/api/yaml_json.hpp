#pragma once

#include <string>

namespace relevo {

/// The same document as JSON, by YAML 1.2's core schema. Throws Failure "api.bad_document" with `file`, line
/// and column where it is no YAML, or where JSON has no such thing.
std::string json_of_yaml(const std::string& yaml, const std::string& file);

}  // namespace relevo
