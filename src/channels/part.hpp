#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "channels/json.hpp"
#include "core/clock.hpp"
#include "domain/inbound.hpp"

namespace relevo {

// What the parsers of all channels do alike with one part of a webhook.

/// A provider's id as a database key takes it: "" where it is missing or longer than any real one (512
/// bytes).
std::string identifier(JsonNode id);
/// The provider's id of the part, or where it has none the SHA-256 of the part itself: a redelivery has the
/// same.
std::string event_id(JsonNode id, JsonNode part);
/// Seconds since 1970 as a number or as digits, if they are a date at all.
std::optional<SysTime> unix_seconds(JsonNode seconds);
/// Keeps what nobody here can read.
Inbound archived(std::string account, std::string event_id, std::string type, JsonNode part);
/// "[location: Shop, Main Street 1, -34.6, -58.4]": what is known, in the order given; "[location]" if
/// nothing is.
std::string in_brackets(std::string_view what, std::initializer_list<std::string> details);

}  // namespace relevo
