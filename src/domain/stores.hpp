#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/burst_window.hpp"
#include "core/clock.hpp"
#include "core/ids.hpp"
#include "core/outcome.hpp"
#include "core/task.hpp"
#include "domain/budgets.hpp"
#include "domain/channel.hpp"
#include "domain/inbound.hpp"
#include "domain/model.hpp"
#include "domain/personal_kind.hpp"
#include "domain/records.hpp"

namespace relevo {

// What each stage asks of the database. Every method is one transaction; where it inserts, the first writer
// wins and the winning row comes back, so that calling it again is harmless. A database that is away throws
// Failure "postgres.unavailable" (transient). `now` comes from the caller's Clock, so that time can be
// virtual.

// ---- resolve

/// A shop's number, bot, page or web site.
struct Account {
    TenantId tenant;
    AccountId id;
    std::string channel;
    std::string external_id;
    EndpointId endpoint;  ///< the webhook address (of the account or of its Meta app) that it stands under
    BurstPolicy window;   ///< of the agent that answers here
    /// More addresses that speak for it: its shop's own, and those that it left less than the log's 14 days
    /// ago.
    std::vector<EndpointId> others{};
    bool retired = false;  ///< its shop has given it up
};

/// Whether a record that this address's secret verified may be about the account.
inline bool speaks_for(EndpointId scope, const Account& account) {
    return account.endpoint == scope || std::ranges::find(account.others, scope) != account.others.end();
}

struct StoredMessage {
    ConversationId conversation;
    MessageId message;
    std::int64_t seq = 0;
    bool human = false;    ///< a human has the conversation: stored as handled
    bool retired = false;  ///< stored when its shop had given the account up: nobody answers it
    bool erased = false;   ///< its person was erased after it was written: nothing is stored
};

class ResolveStore {
  public:
    virtual ~ResolveStore() = default;
    /// The account that `external_id` names on the channel, or the endpoint's only one where it is empty; of
    /// shops that had it one after another that of the one which had it when the record was written. The
    /// caller asks whether the scope that was verified speaks for it (speaks_for).
    virtual Task<std::optional<Account>> find_account(std::string channel, std::string external_id,
                                                      EndpointId scope, SysTime written) = 0;
    /// Whose archive keeps what came through the address about no account: an account of the shop that has
    /// it; none where accounts of other shops stand there too, or lately did.
    virtual Task<std::optional<Account>> find_owner(std::string channel, EndpointId scope) = 0;
    /// Finds or makes contact (by any alias; missing ones are added) and conversation, and stores the message
    /// with the next `seq`. Of InboundKind message or reaction.
    virtual Task<StoredMessage> store_message(Account account, Inbound inbound, SysTime appended,
                                              std::string trace) = 0;
    /// The owner wrote from their own phone: stores it as a human's message and takes the conversation over
    /// (human, epoch + 1, handled_seq = last_seq). Does nothing where the message is one of our own
    /// deliveries.
    virtual Task<StoredMessage> store_echo(Account account, Inbound inbound, SysTime appended,
                                           std::string trace) = 0;
    virtual Task<void> rename_contact(Account account, Alias from, Alias to) = 0;
    /// Keeps what has no known shape; once per account and event.
    virtual Task<void> archive(Account account, Inbound inbound, SysTime appended) = 0;
};

// ---- buffer

struct TurnClaim {
    /// claimed      the messages are in `turn` (by this call or an earlier one)
    /// none         nothing unclaimed is left to answer: a human has it, or the rows were erased
    /// too_many     the tenant has as many open turns as it may have: try later
    enum class State { claimed, none, too_many } state = State::none;
    TurnId turn;
};

class BufferStore {
  public:
    virtual ~BufferStore() = default;
    /// Makes one turn of the burst: claims every unclaimed message of the conversation after handled_seq, and
    /// drops the unsent bubbles of the turn before it, unless that turn may no longer be superseded (twice
    /// already, or its first message is older than 90 s, or a write tool started). Where the messages belong
    /// to a turn already, that turn is the answer.
    virtual Task<TurnClaim> claim_turn(TenantId tenant, ConversationId conversation,
                                       std::vector<MessageId> messages, SysTime now, int max_open_turns) = 0;
    /// The burst may not be answered any more. Its messages, and older ones of the conversation that no turn
    /// has, end as a turn that is dropped, "expired"; an open turn that ends with them is dropped too. Newer
    /// messages stay as they are: they have records of their own, and the next prompt shows the old ones.
    virtual Task<void> expire(TenantId tenant, ConversationId conversation, std::vector<MessageId> messages,
                              SysTime now) = 0;
};

// ---- retrieve

struct TurnText {
    enum class State { live, over, erased } state = State::live;
    std::string text;  ///< the turn's messages, one a line
};

class RetrieveStore {
  public:
    virtual ~RetrieveStore() = default;
    virtual Task<TurnText> turn_text(TenantId tenant, TurnId turn) = 0;
    /// The tenant's passages that fit best, best first: full text (with the tenant's synonyms) now, fused by
    /// rank with vectors later.
    virtual Task<std::vector<Passage>> search(TenantId tenant, std::string text, int limit) = 0;
    /// Step 0's request: agent version, passages, history cut-off, what is hidden. The first one stays.
    virtual Task<void> freeze_step(TenantId tenant, TurnId turn, std::vector<Passage> passages,
                                   SysTime now) = 0;
    /// Ends the turn with this one bubble in place of an answer, which discloses where it is the first one;
    /// the replies' ids, also of an earlier answer.
    virtual Task<std::vector<ReplyId>> fail_turn(TenantId tenant, TurnId turn, std::string code,
                                                 SysTime now) = 0;
    /// Ends an open turn without a bubble: nothing may be sent any more. The next prompt shows its messages.
    virtual Task<void> drop_turn(TenantId tenant, TurnId turn, std::string reason, SysTime now) = 0;
};

// ---- infer

/// Who may answer in the agent's place.
struct FallbackModel {
    std::string provider;
    std::string base_url;
    std::string model;
    /// The category of the shop's credentials with its key. Empty: the provider's own, unless a base address
    /// is stated: one server's key is not told to another.
    std::string credentials;
};

struct Agent {
    std::string name;
    std::string provider;  ///< "offline", "openai"…
    std::string base_url;
    std::string model;
    std::string prompt;      ///< persona and rules, with places (see prompt.hpp)
    std::string disclosure;  ///< the conversation's first answer begins with it; or ""
    double temperature = 0.7;
    int max_output_tokens = 1'024;
    std::vector<FallbackModel> fallbacks;  ///< asked in this order where the agent's own model fails
};

struct HistoryLine {
    enum class Author { contact, agent, human } author = Author::contact;
    std::string text;
    bool in_turn = false;  ///< one of the messages that this turn answers
};

/// A model call as it was frozen, with what is needed to make it.
struct Inference {
    /// live        make the call
    /// answered    the answer is committed: `replies` are its bubbles
    /// over        superseded, taken over or failed: nothing is to be said
    /// erased      the rows are gone
    enum class State { live, answered, over, erased } state = State::live;
    std::string reason;  ///< of `over`
    std::vector<ReplyId> replies;
    std::int64_t epoch = 0;
    std::string shop;
    Agent agent;
    std::vector<Passage> passages;
    std::vector<HistoryLine> history;             ///< oldest first, up to the cut-off
    std::string metadata;                         ///< of the turn's messages, a JSON array, or ""
    PersonalKinds hidden = all_personal_kinds();  ///< what the shop shows no model, as it was frozen
    std::string channel;
    std::string account;  ///< the provider's name of the shop's account
    Alias to;
    std::string last_message;  ///< the provider's id of the newest message of the turn
    std::string customer{};    ///< who writes, a JSON object, or ""
    /// What the turn's messages say and the shop calls otherwise → what the shop calls it.
    std::map<std::string, std::vector<std::string>> synonyms{};
    bool closed = false;  ///< outside of the agent's hours: no model is asked
    /// As it looks when it is loaded: for the draft. commit_answer decides.
    bool is_first_answer = false;
};

class InferStore {
  public:
    virtual ~InferStore() = default;
    virtual Task<Inference> load(TenantId tenant, TurnId turn, int step) = 0;
    /// Before each call of a model: takes what it may cost from the shop's budgets. A step has one open call;
    /// one of which nobody told the end, as its process died, is begun anew and keeps its place.
    /// commit_answer settles the call that gave the answer, `completion.attempt`.
    virtual Task<CallReservation> reserve_call(TenantId tenant, TurnId turn, int step, PlannedCall call,
                                               SysTime now) = 0;
    /// The call gave no answer: `code` says why, `usage` what it is billed for all the same. Nothing where it
    /// is settled already. Attempt 0: the step's newest that is not.
    virtual Task<void> settle_call(TenantId tenant, TurnId turn, int step, std::string code, Usage usage,
                                   SysTime now, int attempt = 0) = 0;
    /// Stores the step's response, as the model gave it, and the answer's bubbles; the first answer stays.
    /// Gives the ids of the winning answer's replies, in order; none where the turn was superseded or taken
    /// over meanwhile. `disclosing`, where there are any, take the bubbles' place in the conversation's first
    /// answer: the first that an agent gave, the next where that reached nobody, or one that goes out before.
    virtual Task<std::vector<ReplyId>> commit_answer(TenantId tenant, TurnId turn, int step,
                                                     Completion completion, std::vector<std::string> bubbles,
                                                     SysTime now,
                                                     std::vector<std::string> disclosing = {}) = 0;
    virtual Task<std::vector<ReplyId>> fail_turn(TenantId tenant, TurnId turn, std::string code,
                                                 SysTime now) = 0;
    virtual Task<void> drop_turn(TenantId tenant, TurnId turn, std::string reason, SysTime now) = 0;
};

// ---- relay

/// The reason of a ReplyClaim that waits for what goes before it in the conversation.
inline constexpr std::string_view waits_for_earlier = "earlier bubble";

/// May this bubble be sent now?
struct ReplyClaim {
    /// send      `intent` is committed: send once, then `finish`
    /// ready     nothing of ours keeps it back: claim it again, `admitted`, when its provider may be asked
    /// wait      ask again at `until`: the spacing, an earlier bubble in flight, a provider's pause
    /// held      a newer message arrived: the next turn decides; ask again at `until`
    /// closed    over already, or dropped by this call; `reason` says why
    /// delivered confirmed already: the nudge may have been lost
    enum class State { send, ready, wait, held, closed, delivered } state = State::closed;
    std::string reason;
    SysTime until{};
    std::optional<DeliveryPermit> permit;  ///< with `send`
    std::string channel;                   ///< this and the account also with `ready`
    std::string account;
    Alias to;
    std::string text;
};

class RelayStore {
  public:
    virtual ~RelayStore() = default;
    /// Rule 7, one transaction: locks the conversation, checks that the reply is pending, nothing earlier is
    /// open, mode and epoch match and its turn is live, that no newer message holds it, and the spacing; then
    /// commits the intent. An intent that is there already belongs to a process that died: it becomes
    /// `unknown`, and `resend` says whether that allows another attempt. A closed, held or dropped reply of
    /// an agent never comes back. Where the channel has limits only what is `admitted` gets an intent: until
    /// then it is `ready`.
    virtual Task<ReplyClaim> claim(TenantId tenant, ReplyId reply, SysTime now, bool admitted) = 0;
    /// It is not tried before `due`, and what follows it in the conversation waits for as long. Costs no
    /// attempt; leaves alone what is in flight or over.
    virtual Task<void> postpone(TenantId tenant, ReplyId reply, SysTime due) = 0;
    /// Notes how the attempt ended. Accepted: the bubble takes its place (`seq`) in the conversation. Refused
    /// and transient: open again from `due`. Refused and permanent, unknown: closed.
    virtual Task<void> finish(TenantId tenant, DeliveryPermit permit, Sent sent, std::optional<SysTime> due,
                              SysTime now) = 0;
    /// The bubble may not be sent any more: a pending one is closed as dropped, "expired", so that nothing
    /// waits behind it. One in flight may have been sent and becomes `unknown`; what is closed stays. Tells
    /// what it is then: closed with its reason, or delivered.
    virtual Task<ReplyClaim> expire(TenantId tenant, ReplyId reply, SysTime now) = 0;

  protected:
    static DeliveryPermit permit(ReplyId reply, int attempt) { return {reply, attempt}; }
};

// ---- settle

struct Settled {
    enum class State { moved, stale, not_ours } state = State::not_ours;
    ConversationId conversation;  ///< with `moved`
};

class SettleStore {
  public:
    virtual ~SettleStore() = default;
    /// As ResolveStore's; of several shops the last one that the address speaks for, because the receipt
    /// itself names a bubble.
    virtual Task<std::optional<Account>> find_account(std::string channel, std::string external_id,
                                                      EndpointId scope) = 0;
    /// Finds the delivery by our reply id, else by the provider's id, and moves its receipt forward, never
    /// back. An unknown delivery that has a receipt is confirmed; one that `failed` fails.
    virtual Task<Settled> settle(Account account, Receipt receipt, SysTime now) = 0;
};

// ---- the worker's own

/// A record that can never be handled, kept so that an operator can read, mend and redrive it.
struct DeadLetter {
    std::string topic;
    std::int32_t partition = 0;
    Offset offset;
    std::string key;
    std::string value;
    std::string headers;  ///< JSON object
    std::string stage;
    std::string code;
    std::string text;
    int attempts = 1;
};

class DeadLetters {
  public:
    virtual ~DeadLetters() = default;
    /// Once per stage, topic, partition and offset.
    virtual Task<void> bury(std::vector<DeadLetter> letters) = 0;
};

class Timers {
  public:
    virtual ~Timers() = default;
    /// Once per record and topic; a later due time replaces an earlier one.
    virtual Task<void> park(Timer timer) = 0;
};

/// The tenants' secrets, unsealed.
class Vault {
  public:
    virtual ~Vault() = default;
    /// Empty where the tenant has none of that name.
    virtual Task<Secret> find(TenantId tenant, std::string category, std::string name) = 0;
};

}  // namespace relevo
