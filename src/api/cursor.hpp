#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relevo {

/// Where a page ended, for whoever asks for the next one: a key, not a number of rows, so that rows which
/// come or go meanwhile shift nothing. `query` is all that chose the rows, the shop too: a cursor is good for
/// the same query only.
std::string cursor_of(std::string_view query, std::string_view key);
/// Nothing for what is no cursor of this query.
std::optional<std::string> key_of_cursor(std::string_view query, std::string_view cursor);

}  // namespace relevo
