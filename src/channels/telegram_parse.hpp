#pragma once

#include <string_view>

#include "core/error.hpp"
#include "domain/inbound.hpp"

namespace relevo {

/// What one update of the Bot API says: always one part, whose event_id is the update_id. Fails with
/// "webhook.bad_json" only. Messages have the aliases "telegram_chat", and before it "telegram_business"
/// ("connection:chat") where they came through the owner's own account: an answer must go back the same way.
Result<Parsed> parse_telegram(std::string_view body);

}  // namespace relevo
