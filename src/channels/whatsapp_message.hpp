#pragma once

#include <optional>
#include <string>

#include "channels/json.hpp"

namespace relevo {

/// What an agent reads of a message of the Cloud API: its text, caption or choice, else a description in
/// brackets. Nothing where the type is unknown, is no utterance, or misses the part that it is about.
std::optional<std::string> whatsapp_text(JsonNode message);
/// A JSON object with what else the message has, each under the provider's own name: the media, location,
/// order or choice as it came, `context`, `referral`, `errors`. "" where there is nothing.
std::string whatsapp_metadata(JsonNode message);

}  // namespace relevo
