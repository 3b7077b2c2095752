#pragma once

#include <string>
#include <string_view>

namespace relevo {

/// Data of others for a prompt, so that none of it can pose as an instruction or as the block's end: JSON
/// objects, in an array, as
///
///     <metadata>
///     order.id: 1234
///     vip: true
///     note: "two sizes, \"38\" and 39"
///     </metadata>
///
/// A line an entry; what lies within objects and arrays has its path, and where there are several objects
/// their number first. Names are of letters, digits, '_' and '-'; an entry with another is left out, and so
/// are nulls. Texts are quoted, on one line, without control, invisible and direction characters, without
/// markup (angle, curly and square brackets, backticks and bars become look-alikes; "[EMAIL_1]", which stands
/// for something hidden, stays), and cut at 200 characters. At most 24 entries an object and 12,000 bytes, of
/// the last objects; a last line says how many are left out. `tag` is lower-case letters. "" where nothing is
/// left, or where it is no such array.
std::string data_block(std::string_view tag, std::string_view json);

}  // namespace relevo
