#include "core/ids.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>

namespace relevo {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::string format_uuid(const UuidBytes& bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(36);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
        out += digits[bytes[i] >> 4];
        out += digits[bytes[i] & 15];
    }
    return out;
}

std::optional<UuidBytes> parse_uuid(std::string_view text) {
    if (text.size() != 36) return std::nullopt;
    UuidBytes bytes{};
    std::size_t at = 0;
    for (std::size_t i = 0; i < text.size();) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i++] != '-') return std::nullopt;
            continue;
        }
        const int high = hex_digit(text[i]);
        const int low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        bytes[at++] = static_cast<std::uint8_t>(high << 4 | low);
        i += 2;
    }
    return bytes;
}

UuidBytes hash_uuid(std::string_view kind, std::initializer_list<std::string_view> parts) {
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    const auto add = [&state](std::string_view part) {
        const std::string length = fmt::format("{}:", part.size());
        crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(length.data()), length.size());
        crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(part.data()), part.size());
    };
    add(kind);
    for (const auto part : parts) add(part);
    std::array<unsigned char, crypto_hash_sha256_BYTES> digest;
    crypto_hash_sha256_final(&state, digest.data());
    UuidBytes bytes;
    std::copy_n(digest.begin(), bytes.size(), bytes.begin());
    bytes[6] = static_cast<std::uint8_t>(0x80 | (bytes[6] & 0x0f));
    bytes[8] = static_cast<std::uint8_t>(0x80 | (bytes[8] & 0x3f));
    return bytes;
}

AccountId account_id(std::string_view channel, std::string_view external_id) {
    return {hash_uuid("account", {channel, external_id})};
}

ContactId contact_id(TenantId tenant, std::string_view alias_kind, std::string_view alias) {
    return {hash_uuid("contact", {tenant.to_string(), alias_kind, alias})};
}

ConversationId conversation_id(TenantId tenant, ContactId contact, AccountId account) {
    return {hash_uuid("conversation", {tenant.to_string(), contact.to_string(), account.to_string()})};
}

MessageId message_id(TenantId tenant, AccountId account, std::string_view event_id) {
    return {hash_uuid("message", {tenant.to_string(), account.to_string(), event_id})};
}

TurnId turn_id(ConversationId conversation, MessageId first_message) {
    return {hash_uuid("turn", {conversation.to_string(), first_message.to_string()})};
}

ReplyId agent_reply_id(TurnId turn, int index) {
    return {hash_uuid("reply", {turn.to_string(), std::to_string(index)})};
}

ReplyId requested_reply_id(ConversationId conversation, std::string_view client_id) {
    return {hash_uuid("requested", {conversation.to_string(), client_id})};
}

TimerId timer_id(std::string_view topic, std::string_view key, std::string_view record_id) {
    return {hash_uuid("timer", {topic, key, record_id})};
}

}  // namespace relevo
