#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace relevo {

/// `text` as PostgreSQL and JSON take it: ill-formed sequences (lone surrogates too) and U+0000 become U+FFFD.
std::string clean_utf8(std::string_view text);
/// JSON source in which escapes that name a lone surrogate or U+0000 are replaced by \ufffd, so that a strict
/// parser takes the rest. Bytes outside of escapes stay as they are.
std::string clean_json_escapes(std::string_view json);
/// The length in bytes of the longest prefix of well-formed `text` that has at most `max` code points.
std::size_t prefix_of_code_points(std::string_view text, std::size_t max);
std::size_t count_code_points(std::string_view text);

}  // namespace relevo
