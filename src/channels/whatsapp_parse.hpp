#pragma once

#include <string_view>

#include "core/error.hpp"
#include "domain/inbound.hpp"

namespace relevo {

/// Everything that a webhook of the Cloud API says: every entry, every change, every message and status,
/// routed by the change's `field` and never by which arrays it has (history and calls have the same ones).
/// Fails with "webhook.bad_json" only; a part that has no known shape is archived and takes nothing with it.
Result<Parsed> parse_whatsapp(std::string_view body);

}  // namespace relevo
