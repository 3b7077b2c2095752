#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace relevo {

/// Digits with nothing between them.
struct DigitGroup {
    std::size_t at = 0;
    std::size_t end = 0;
};

/// All of the text.
std::vector<DigitGroup> digit_groups(std::string_view text);

/// Groups of digits that a reader may take for one number: "+54 9 11 5555-0101".
struct Number {
    std::size_t at = 0;  ///< of its plus or parenthesis, where it begins with one
    std::size_t end = 0;
    std::string digits;
    /// A 'd' for each digit, and ' ', '-', '.' or '/' for what stands between two groups: "d d dd dddd-dddd".
    std::string shape;
    bool plus = false;
    bool parens = false;  ///< one of its groups stands in parentheses
    std::size_t groups = 0;
    std::size_t longest = 0;  ///< group, in digits
    bool ends_round = false;  ///< two groups or more end as sizes and prices do: 250, 1200
};

/// The numbers that begin with that group, longest first; none beyond 8 groups and 22 digits.
std::vector<Number> numbers_from(std::string_view text, const std::vector<DigitGroup>& groups,
                                 std::size_t first);

/// How what stands before a number goes together with it.
/// open   a number may begin here
/// glued  only one whose name is written so: "cel1155550101", "DNI-30123456"; "PUN-30123456" is none
/// part   it is a part of something longer: "1.1155550101"
enum class Beginning { open, glued, part };
Beginning beginning_at(std::string_view text, std::size_t at);
/// Nothing follows that would make it a part of something longer: "1155550101x", "1155550101-2".
bool ends_at(std::string_view text, std::size_t end);

}  // namespace relevo
