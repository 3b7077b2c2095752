#pragma once

#include <string>
#include <string_view>

namespace relevo {

/// The bytes of a file, or of standard input where it is "-". Throws Failure "usage.invalid".
std::string read_value(const std::string& file);

/// What $EDITOR makes of the value, in a file that only this user can read. Throws Failure "dead.not_edited".
std::string edit_in_editor(const std::string& value);

/// Throws Failure "record.malformed" where the topic's stage could not read the value: it would be dead
/// again.
void require_readable(std::string_view topic, std::string_view value);

}  // namespace relevo
