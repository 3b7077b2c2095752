#include <fmt/format.h>

#include "domain/records.hpp"

namespace relevo {
namespace {

Record make(std::string_view topic, std::string key, std::string id, std::string value) {
    Record record;
    record.topic = topic;
    record.key = std::move(key);
    record.value = std::move(value);
    record.headers.id = std::move(id);
    return record;
}

// One contact's messages stay in order; what stands before the colon takes turns with the others.
std::string contact_key(const std::string& channel, EndpointId scope, const std::string& account,
                        const std::string& contact) {
    return fmt::format("{}/{}:{}", channel, account.empty() ? scope.to_string() : account, contact);
}

}  // namespace

Record to_record(const MessageReceived& record) {
    const Inbound& inbound = record.inbound;
    const std::string contact = inbound.aliases.empty() ? inbound.event_id : inbound.aliases.front().value;
    const auto id = hash_uuid("received", {record.channel, record.scope.to_string(), inbound.account,
                                           inbound.event_id, std::to_string(static_cast<int>(inbound.kind))});
    return make(topics::messages_received, contact_key(record.channel, record.scope, inbound.account, contact),
                format_uuid(id), encode(record));
}

Record to_record(const MessageResolved& record) {
    return make(topics::messages_resolved, conversation_key(record.tenant, record.conversation),
                record.message.to_string(), encode(record));
}

Record to_record(const ReplyReady& record) {
    return make(topics::replies_ready, conversation_key(record.tenant, record.conversation),
                record.reply.to_string(), encode(record));
}

Record to_record(const ReceiptReceived& record) {
    const Receipt& receipt = record.receipt;
    const auto id = hash_uuid("receipt", {record.channel, receipt.account, receipt.provider_id, receipt.reply,
                                          std::to_string(static_cast<int>(receipt.status))});
    // All receipts of one message in their order.
    return make(topics::receipts_received,
                contact_key(record.channel, record.scope, receipt.account, receipt.provider_id), format_uuid(id),
                encode(record));
}

Record to_record(const TurnStep& record, std::string_view topic) {
    return make(topic, conversation_key(record.tenant, record.conversation),
                fmt::format("{}/{}", record.turn.to_string(), record.step), encode(record));
}

std::vector<Record> to_records(TenantId tenant, ConversationId conversation, TurnId turn,
                               const std::vector<ReplyId>& replies) {
    std::vector<Record> records;
    for (const auto& reply : replies) {
        ReplyReady ready{tenant, conversation, reply, turn};
        records.push_back(to_record(ready));
    }
    return records;
}

}  // namespace relevo
