#pragma once

#include <optional>
#include <string>

#include "channels/json.hpp"

namespace relevo {

/// The provider's name for what a message of the Bot API holds: "text", "voice", "photo"…; "" where it holds
/// nothing that a person says (a pinned message, a changed title, whatever Telegram may add).
std::string telegram_type(JsonNode message);
/// What an agent reads of it: its text or caption, else a description in brackets.
std::string telegram_text(JsonNode message, const std::string& type);
/// A JSON object with the rest: message_id, media as it came, forward_origin, quote, the sender's language.
std::string telegram_metadata(JsonNode message, const std::string& type);

}  // namespace relevo
