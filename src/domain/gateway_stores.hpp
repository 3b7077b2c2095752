#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/ids.hpp"
#include "core/task.hpp"
#include "domain/secret.hpp"

namespace relevo {

// What the gateway asks of the database.

/// A webhook address or a web key.
struct Endpoint {
    EndpointId id;
    TenantId tenant;  ///< who owns it; a Meta app's accounts may belong to others
    std::string channel;
    std::string account;  ///< the external id of its one account; empty for an app of several
};

class EndpointStore {
  public:
    virtual ~EndpointStore() = default;
    /// By its unguessable key.
    virtual Task<std::optional<Endpoint>> find(std::string channel, std::string key) = 0;
    /// Grows whenever a secret of the installation changes.
    virtual Task<std::int64_t> secret_changes() = 0;
    /// Channel and key of every address, at most 10,000: what the gateway reads at its start.
    virtual Task<std::vector<std::pair<std::string, std::string>>> keys() = 0;
};

/// A line of the web widget's history.
struct WebMessage {
    std::string id;
    std::int64_t seq = 0;
    bool inbound = false;
    std::string text;
    SysTime at{};
    std::string client_id;  ///< of an inbound message: what the browser called it
    std::string turn;       ///< of an agent's bubble
    int index = 0;
};

/// A visitor's conversation; none before the first message.
struct WebConversation {
    TenantId tenant;
    ConversationId conversation;
    bool human = false;
    std::int64_t epoch = 0;
    std::vector<WebMessage> messages;  ///< after the asked seq, oldest first, at most 200 (the newest)
};

class WebStore {
  public:
    virtual ~WebStore() = default;
    virtual Task<WebConversation> read(Endpoint endpoint, std::string visitor, std::int64_t after_seq) = 0;
};

/// The shop's side of a conversation.
class HandoffStore {
  public:
    virtual ~HandoffStore() = default;
    /// mode human, epoch + 1, handled_seq = last_seq; pending agent bubbles are dropped.
    virtual Task<bool> take_over(TenantId tenant, ConversationId conversation, SysTime now) = 0;
    /// mode agent; what was said meanwhile counts as handled.
    virtual Task<bool> give_back(TenantId tenant, ConversationId conversation, SysTime now) = 0;
    /// A human's bubble, once per client id; nothing where there is no such conversation.
    virtual Task<std::optional<ReplyId>> request_reply(TenantId tenant, ConversationId conversation,
                                                       std::string client_id, std::string text,
                                                       SysTime now) = 0;
};

/// What waits in the whole installation, of all shops together.
struct Backlog {
    std::map<std::string, std::int64_t> dead_letters;  ///< by stage, for an operator
    std::int64_t due_timers = 0;                       ///< that wake has not taken
    Millis longest_due{0};
    std::int64_t open_turns = 0;  ///< without an answer yet
    Millis longest_open{0};
    std::int64_t unknown_deliveries = 0;  ///< bubbles of which nobody knows whether they were sent
    /// soft: over that limit; exhausted, unpriced: refused a call in the last quarter of an hour.
    std::map<std::string, std::int64_t> budgets;
    std::int64_t unpriced_calls = 0;  ///< of the last day: nobody knows what they cost
};

class BacklogStore {
  public:
    virtual ~BacklogStore() = default;
    virtual Task<Backlog> read(SysTime now) = 0;
};

/// What the demo page shows, of shops with an account that takes messages. Each method gives a JSON document.
class DemoStore {
  public:
    virtual ~DemoStore() = default;
    virtual Task<std::string> shops() = 0;
    virtual Task<std::string> conversations() = 0;
    /// Nothing where there is no such conversation.
    virtual Task<std::optional<std::string>> conversation(TenantId tenant, ConversationId conversation) = 0;
};

}  // namespace relevo
