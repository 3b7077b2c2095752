#pragma once

#include <string>

#include "domain/inbound.hpp"
#include "domain/records.hpp"
#include "tests/fuzz/target.hpp"

namespace relevo::fuzz {

inline bool same(const Inbound& a, const Inbound& b) {
    return a.kind == b.kind && a.account == b.account && a.event_id == b.event_id && a.aliases == b.aliases &&
           a.name == b.name && a.type == b.type && a.text == b.text && a.in_reply_to == b.in_reply_to &&
           a.sent_at == b.sent_at && a.metadata == b.metadata && a.raw == b.raw;
}

/// What holds of everything that a webhook's parser gives: an event has a name, a person's words have a
/// person, what is archived is there, and the log's records say the same again.
inline void require_sound(const Parsed& parsed, std::string_view channel) {
    for (const auto& inbound : parsed.inbound) {
        require(!inbound.event_id.empty(), "an event has an id");
        const bool archived = inbound.kind == InboundKind::archived;
        require(archived ? !inbound.raw.empty() : !inbound.aliases.empty(),
                "archived in full, or somebody's");
        for (const auto& alias : inbound.aliases) {
            require(!alias.kind.empty() && !alias.value.empty(), "an alias names somebody");
        }
        const MessageReceived record{std::string(channel), EndpointId{7}, inbound};
        const auto read = decode_message_received(encode(record));
        require(read.has_value(), "the log's record can be read");
        require(same(read->inbound, inbound), "the log's record says what the webhook said");
        require(to_record(*read).headers.id == to_record(record).headers.id, "a record's id is stable");
    }
    for (const auto& receipt : parsed.receipts) {
        const ReceiptReceived record{std::string(channel), EndpointId{7}, receipt};
        const auto read = decode_receipt_received(encode(record));
        require(read.has_value(), "the log's receipt can be read");
        require(encode(*read) == encode(record), "the log's receipt says what the webhook said");
    }
}

/// A redelivery makes the same records.
inline void require_equal(const Parsed& a, const Parsed& b) {
    require(a.answer == b.answer, "the same answer");
    require(a.inbound.size() == b.inbound.size() && a.receipts.size() == b.receipts.size(),
            "the same events");
    for (std::size_t i = 0; i < a.inbound.size(); ++i) {
        require(same(a.inbound[i], b.inbound[i]), "the same event");
    }
}

}  // namespace relevo::fuzz
