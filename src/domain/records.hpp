#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/burst_window.hpp"
#include "core/error.hpp"
#include "core/ids.hpp"
#include "core/record.hpp"
#include "domain/inbound.hpp"

namespace relevo {

// What each topic's records say. Only messages.received and receipts.received carry content; later records
// carry ids. Decoding fails with "record.malformed" (permanent) and names the field; fields that we do not
// know are ignored, so that a producer may be newer.

namespace topics {
inline constexpr std::string_view messages_received = "messages.received";
inline constexpr std::string_view messages_resolved = "messages.resolved";
inline constexpr std::string_view turns_ready = "turns.ready";
inline constexpr std::string_view inferences_requested = "inferences.requested";
inline constexpr std::string_view tools_requested = "tools.requested";
inline constexpr std::string_view replies_ready = "replies.ready";
inline constexpr std::string_view receipts_received = "receipts.received";
}  // namespace topics

struct MessageReceived {
    std::string channel;
    EndpointId scope;  ///< whose secret verified it
    Inbound inbound;
};

struct MessageResolved {
    TenantId tenant;
    ConversationId conversation;
    MessageId message;
    std::int64_t seq = 0;
    BurstPolicy window;  ///< of the agent that answers
};

/// Of turns.ready, inferences.requested and tools.requested; a turn that becomes ready is at step 0.
struct TurnStep {
    TenantId tenant;
    ConversationId conversation;
    TurnId turn;
    int step = 0;
};

struct ReplyReady {
    TenantId tenant;
    ConversationId conversation;
    ReplyId reply;
    std::optional<TurnId> turn;  ///< none: a human, the API or the system asked for it
};

struct ReceiptReceived {
    std::string channel;
    EndpointId scope;
    Receipt receipt;
};

std::string encode(const MessageReceived& record);
std::string encode(const MessageResolved& record);
std::string encode(const TurnStep& record);
std::string encode(const ReplyReady& record);
std::string encode(const ReceiptReceived& record);

Result<MessageReceived> decode_message_received(std::string_view value);
Result<MessageResolved> decode_message_resolved(std::string_view value);
Result<TurnStep> decode_turn_step(std::string_view value);
Result<ReplyReady> decode_reply_ready(std::string_view value);
Result<ReceiptReceived> decode_receipt_received(std::string_view value);

// The record to write: topic, key, value and id; the worker adds the other headers.
Record to_record(const MessageReceived& record);
Record to_record(const MessageResolved& record);
Record to_record(const ReplyReady& record);
Record to_record(const ReceiptReceived& record);
/// `topic` is turns.ready, inferences.requested or tools.requested.
Record to_record(const TurnStep& record, std::string_view topic);
/// The replies of one turn, in order.
std::vector<Record> to_records(TenantId tenant, ConversationId conversation, TurnId turn,
                               const std::vector<ReplyId>& replies);

/// Whether it is too late for anything to be sent because of this record; always of one that has no expiry.
bool is_expired(const HeaderViews& headers, SysTime now);

/// Whether the keys of this topic's records begin with their tenant: from messages.resolved on.
bool names_tenant(std::string_view topic);

/// The key that keeps a conversation's records in order: "tenant:conversation".
std::string conversation_key(TenantId tenant, ConversationId conversation);

}  // namespace relevo
