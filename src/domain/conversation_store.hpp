#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/ids.hpp"
#include "core/task.hpp"
#include "domain/identity_stores.hpp"
#include "domain/money.hpp"

namespace relevo {

// What a shop's people read of its conversations. Calls throw as those of PeopleStore do.

struct ConversationRow {
    ConversationId id;
    std::string channel;
    std::string standing;  ///< who answers: agent, human; paused: an agent that an operator told to wait
    AccountId account;
    std::string account_external_id;
    std::string account_name;
    ContactId contact;
    std::string contact_name;
    std::string address_kind;  ///< of the alias that is answered to
    std::string address;
    std::int64_t agent = 0;
    std::string agent_name;
    std::string external_chatwoot_id;
    std::string external_account_id;
    std::string log_name;  ///< the audit log calls it "conversation:" and this; empty: nothing is noted of it
    SysTime created_at{};
    SysTime active_at{};
    std::int64_t active_minute = 0;  ///< of active_at since 1970: lists go by it
    std::optional<Cost> cost;        ///< of all that was ever asked in it; where one is read
};

/// Where a page of conversations ended.
struct ConversationPlace {
    std::int64_t active_minute = 0;
    ConversationId id;
};

/// What is nothing, or empty, chooses all.
struct ConversationQuery {
    std::string channel = {};
    std::string standing = {};
    std::optional<ContactId> contact = std::nullopt;
    std::optional<ConversationPlace> after = std::nullopt;
    int limit = 100;  ///< at most 1,000
};

/// What became of a bubble's newest attempt.
struct DeliveryRow {
    int attempt = 0;
    std::string status;  ///< intent, confirmed, unknown, failed
    std::string provider_id;
    std::string receipt;  ///< sent, delivered, read, failed
    std::optional<SysTime> receipt_at;
    std::string code;  ///< why the provider refused it
    SysTime at{};
};

/// Where a page of messages ended: a bubble that is no message stands behind the message of its seq.
struct MessagePlace {
    std::int64_t seq = 0;
    int index = -1;  ///< -1: the message itself
};

struct MessageRow {
    std::string id;                   ///< of a bubble that is no message: its reply's
    std::optional<std::int64_t> seq;  ///< of a message
    std::string direction;            ///< in, out
    std::string author;
    std::string kind;
    std::string type;
    std::string text;
    SysTime at{};
    std::string in_reply_to;
    std::string trace;
    std::string turn;
    std::string reply;
    /// in: answered, human, superseded, dropped, dead, waiting; out: sent, waiting, unknown, failed, dropped
    std::string standing;
    std::string reason;
    std::string superseded_by;     ///< the turn that answers instead
    std::optional<SysTime> until;  ///< what waits is tried again then
    std::optional<DeliveryRow> delivery;
    MessagePlace place;
};

class ConversationStore {
  public:
    virtual ~ConversationStore() = default;
    /// Newest activity first, by the minute.
    virtual Task<std::vector<ConversationRow>> list(TenantId tenant, ConversationQuery query) = 0;
    virtual Task<std::optional<ConversationRow>> find(TenantId tenant, ConversationId conversation) = 0;
    /// Newest first, at most `limit`; nothing where there is no such conversation.
    virtual Task<std::optional<std::vector<MessageRow>>> messages(TenantId tenant,
                                                                  ConversationId conversation,
                                                                  std::optional<MessagePlace> after,
                                                                  int limit, SysTime now) = 0;
    /// To a human, as HandoffStore::take_over has it, or back to the agent, as give_back. False where there
    /// is no such conversation. Noted where it changes who answers.
    virtual Task<bool> hand_over(TenantId tenant, ConversationId conversation, bool to_human, SysTime now,
                                 Actor actor) = 0;
};

}  // namespace relevo
