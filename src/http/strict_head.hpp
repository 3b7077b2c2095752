#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace relevo {

// A request's head, judged before it is parsed. What two parsers read differently is how a request is
// smuggled past the proxy in front of us (RFC 9112, 11.2), so whatever is not plain is refused rather than
// understood.

/// One past the blank line that ends the head; nothing while it has not come. `from`: what was searched
/// before.
std::optional<std::size_t> end_of_head(std::string_view bytes, std::size_t from = 0);

/// Why the head is refused, or nothing. `head` may still be incomplete: then only what is there is judged.
/// For a person.
std::optional<std::string_view> line_fault(std::string_view head);

/// Why a whole head is refused, or nothing.
std::optional<std::string_view> head_fault(std::string_view head);

}  // namespace relevo
