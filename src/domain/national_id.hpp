#pragma once

#include <cstddef>
#include <string_view>

#include "domain/number.hpp"
#include "domain/number_topic.hpp"

namespace relevo {

// National ids of Argentina, Brazil, Chile, Colombia, Mexico and Spain, as people write them.

/// Where the id ends that begins with this number, or 0: by its check digit, or because the topic is a
/// document.
std::size_t national_id_end(std::string_view text, const Number& number, NumberTopic topic);
/// The same for one that begins with a letter at `at`, or has letters in it: CURP, RFC, NIE, a Brazilian
/// CNPJ; a CIF where it is called an id, as shops number their products so.
std::size_t lettered_id_end(std::string_view text, std::size_t at);

}  // namespace relevo
