#pragma once

#include <string>
#include <vector>

#include "domain/model.hpp"
#include "postgres/json.hpp"

namespace relevo {

/// [{"source","title","text","score"}, …]
std::string passages_json(const std::vector<Passage>& passages);
std::vector<Passage> parse_passages(const Json& json);

}  // namespace relevo
