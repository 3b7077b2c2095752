#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace relevo {

/// A whole number that is not any other whole number.
template <class Tag>
struct Number {
    std::int64_t value = 0;
    auto operator<=>(const Number&) const = default;
    std::string to_string() const { return std::to_string(value); }
};

using TenantId = Number<struct TenantTag>;
/// A webhook address or a web key: the scope that was verified. Not a secret; its key is.
using EndpointId = Number<struct EndpointTag>;
/// A record's place in its partition.
using Offset = Number<struct OffsetTag>;

using UuidBytes = std::array<std::uint8_t, 16>;
std::string format_uuid(const UuidBytes& bytes);
std::optional<UuidBytes> parse_uuid(std::string_view text);
/// The first 128 bits of SHA-256 over the parts, each preceded by its length, marked as a version 8 UUID
/// (RFC 9562). `kind` keeps ids of different things apart.
UuidBytes hash_uuid(std::string_view kind, std::initializer_list<std::string_view> parts);

/// An id that is computed from other ids, so that a replay makes the same one.
template <class Tag>
struct Uuid {
    UuidBytes bytes{};
    auto operator<=>(const Uuid&) const = default;
    std::string to_string() const { return format_uuid(bytes); }
    static std::optional<Uuid> parse(std::string_view text) {
        const auto bytes = parse_uuid(text);
        return bytes ? std::optional<Uuid>(Uuid{*bytes}) : std::nullopt;
    }
};

using AccountId = Uuid<struct AccountTag>;
using ContactId = Uuid<struct ContactTag>;
using ConversationId = Uuid<struct ConversationTag>;
using MessageId = Uuid<struct MessageTag>;
using TurnId = Uuid<struct TurnTag>;
using ReplyId = Uuid<struct ReplyTag>;
using TimerId = Uuid<struct TimerTag>;

AccountId account_id(std::string_view channel, std::string_view external_id);
/// A contact is named after the first alias under which the tenant met them.
ContactId contact_id(TenantId tenant, std::string_view alias_kind, std::string_view alias);
ConversationId conversation_id(TenantId tenant, ContactId contact, AccountId account);
/// `event_id` is the provider's name for the message: unique within the account.
MessageId message_id(TenantId tenant, AccountId account, std::string_view event_id);
TurnId turn_id(ConversationId conversation, MessageId first_message);
ReplyId agent_reply_id(TurnId turn, int index);
/// `client_id` is chosen by whoever asks for the reply, so that asking twice sends once.
ReplyId requested_reply_id(ConversationId conversation, std::string_view client_id);
TimerId timer_id(std::string_view topic, std::string_view key, std::string_view record_id);

}  // namespace relevo

template <class Tag>
struct std::hash<relevo::Number<Tag>> {
    std::size_t operator()(const relevo::Number<Tag>& id) const { return std::hash<std::int64_t>{}(id.value); }
};

template <class Tag>
struct std::hash<relevo::Uuid<Tag>> {
    std::size_t operator()(const relevo::Uuid<Tag>& id) const {
        return std::hash<std::string_view>{}(
            {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
    }
};
