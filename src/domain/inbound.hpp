#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"

namespace relevo {

/// One name of a contact on a channel; `kind` tells names of different spaces apart ("wa_id", "wa_user",
/// "telegram_chat", "web_visitor").
struct Alias {
    std::string kind;
    std::string value;
    bool operator==(const Alias&) const = default;
};

/// What one part of a webhook (or of a socket) says.
///  message  a person wrote: stored, opens a turn
///  reaction stored, opens no turn and holds nothing back
///  echo     the shop's owner wrote from their own phone: a human took over
///  renamed  a contact's alias changed: `aliases` holds the old name first, then the new one
///  archived anything else: kept as it came, acknowledged, no turn
enum class InboundKind { message, reaction, echo, renamed, archived };

struct Inbound {
    InboundKind kind = InboundKind::archived;
    /// The shop's number, bot or page as the provider names it; empty where the webhook's address alone tells.
    std::string account;
    /// The provider's name for this event, unique within the account: what makes a redelivery harmless.
    std::string event_id;
    std::vector<Alias> aliases;  ///< of the contact; the first is the one to answer to
    std::string name;            ///< the contact's, as they call themselves; may be empty
    std::string type;            ///< the provider's: "text", "image", "button"…
    std::string text;            ///< what an agent reads; a description in brackets where there is no text
    std::string in_reply_to;     ///< the provider's id of the message that this one quotes
    std::optional<SysTime> sent_at;
    std::string metadata;  ///< a JSON object of what else an agent may use (media ids, referral, location…), or ""
    std::string raw;       ///< the part as it came, JSON; kept for `archived` only
};

enum class ReceiptStatus { sent, delivered, read, failed };

/// What a provider says became of a message of ours. They come late, twice and out of order.
struct Receipt {
    std::string account;
    std::string provider_id;
    std::string reply;  ///< our reply id where the provider brings it back, else empty
    ReceiptStatus status = ReceiptStatus::sent;
    std::optional<SysTime> at;
    std::string code;  ///< the provider's, of a failure
    std::string text;
};

/// Everything that one webhook said, in its order.
struct Parsed {
    std::vector<Inbound> inbound;
    std::vector<Receipt> receipts;
    /// JSON to answer the 200 with, where the provider reads it; best effort, and repeated by a redelivery.
    std::string answer = "{}";
};

}  // namespace relevo
