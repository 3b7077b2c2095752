#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace relevo {

/// What one bubble may hold, in the unit in which the channel counts.
struct TextLimit {
    enum class Unit { code_points, utf16_units, bytes };
    std::size_t max = 4096;
    Unit unit = Unit::code_points;
};

/// An answer as the bubbles a person would send: split at blank lines, and at sentence ends (else spaces, else
/// anywhere between characters) above the limit. More than `max_bubbles` are joined into the last ones while the
/// limit allows: at 4 s apart, a longer list would keep its record unsettled for too long. Never empty bubbles.
std::vector<std::string> split_bubbles(std::string_view answer, TextLimit limit, std::size_t max_bubbles = 12);

}  // namespace relevo
