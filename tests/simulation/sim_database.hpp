#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "domain/gateway_stores.hpp"
#include "domain/stores.hpp"
#include "tests/simulation/sim_clock.hpp"
#include "tests/simulation/sim_money.hpp"

namespace relevo {

// The database's tables and transactions in memory: the same rules as the migrations', in the fewest words.
// Each function is one transaction: nothing comes between its lines.

struct SimMessage {
    MessageId id;
    std::int64_t seq = 0;
    bool inbound = true;
    HistoryLine::Author author = HistoryLine::Author::contact;
    InboundKind kind = InboundKind::message;
    std::string text;
    std::string event_id;
    SysTime appended;
    std::int64_t stored = 0;   ///< by this transaction
    std::int64_t claimed = 0;  ///< its turn was made by this transaction
    std::optional<TurnId> turn;
    std::optional<ReplyId> reply;  ///< what we sent
    bool opens_turn() const { return inbound && kind == InboundKind::message; }
};

/// A model call: what it is asked, frozen by retrieve; only a call that nobody froze has no cut-off.
struct SimStep {
    std::vector<Passage> passages;
    std::optional<std::int64_t> cutoff;
    std::vector<ReplyId> pending;  ///< bubbles of earlier turns that are on their way
    std::optional<PersonalKinds> redact;
    bool answered = false;  ///< its call was made
};

struct SimTurn {
    enum class Status { open, answered, superseded, failed, dropped };
    TurnId id;
    ConversationId conversation;
    std::int64_t first_seq = 0;
    std::int64_t last_seq = 0;
    SysTime first_at;  ///< of the first message of the first turn that this one supersedes
    Status status = Status::open;
    std::optional<TurnId> supersedes;
    int supersedes_count = 0;
    std::int64_t epoch = 0;
    std::string reason;
    std::int64_t closed = 0;  ///< by this transaction
    bool wrote = false;       ///< a tool began to change something
    std::map<int, SimStep> steps;
};

struct SimDelivery {
    enum class Status { intent, confirmed, unknown, failed } status = Status::intent;
    int claimed_by = 0;        ///< the process that holds the intent
    std::int64_t claimed = 0;  ///< by this transaction
    SysTime claimed_at;        ///< by no process's clock
    SysTime asked_at;          ///< by the clock of the process that claimed it
    bool taken = false;        ///< the process that sent it was told that the provider has it
    SysTime at;
    std::string provider_id;
    std::optional<ReceiptStatus> receipt;
    std::optional<SysTime> due;
};

struct SimReply {
    enum class Status { pending, sent, dropped, failed, unknown };
    ReplyId id;
    ConversationId conversation;
    std::optional<TurnId> turn;
    bool by_agent = true;
    std::string text;
    Status status = Status::pending;
    std::string reason;
    std::int64_t epoch = 0;
    std::pair<std::int64_t, int> order;  ///< what was the newest message, then the place after it
    std::optional<SysTime> due;
    SysTime asked{};  ///< when it will ask again whether an earlier one is closed
    SysTime created;
    std::int64_t made = 0;  ///< by this transaction
    std::vector<SimDelivery> deliveries;
    bool was_unknown = false;   ///< for a while nobody knew: what was refused then is not sent again
    bool failed_later = false;  ///< a receipt said so
    bool in_flight() const {
        return !deliveries.empty() && deliveries.back().status == SimDelivery::Status::intent;
    }
};

struct SimConversation {
    ConversationId id;
    Account account;
    Alias to;
    bool human = false;
    std::int64_t epoch = 0;
    std::int64_t last_seq = 0;
    std::int64_t handled_seq = 0;
    SysTime next_send{};
    std::optional<TurnId> first_answer;  ///< the turn whose answer disclosed
    std::vector<SimMessage> messages;  ///< by seq
    std::vector<TurnId> turns;
    std::vector<ReplyId> replies;
    struct Handoff {
        bool to_human;
        std::int64_t transaction;
        SysTime at;
    };
    std::vector<Handoff> handoffs;  ///< oldest first
};

struct SimTenant {
    std::map<std::pair<std::string, std::string>, ContactId> aliases;
    std::vector<ContactId> contacts;  ///< the oldest first
    std::map<ConversationId, SimConversation> conversations;
    std::map<MessageId, std::pair<ConversationId, std::int64_t>> messages;
    std::map<TurnId, SimTurn> turns;
    std::map<ReplyId, SimReply> replies;
    std::set<std::pair<AccountId, std::string>> archive;
    std::set<TurnId> open;
    PersonalKinds redact = all_personal_kinds();
    std::string disclosure;          ///< of its agents
    std::vector<SimBudget> budgets;  ///< the oldest first
    SimCalls calls;
};

struct SimTimer {
    TenantId tenant;
    Timer timer;
    std::int64_t life = 0;  ///< tells it from an earlier one of its id
    int parks = 0;
    std::optional<SysTime> leased_until;
};

class SimDatabase {
  public:
    virtual ~SimDatabase() = default;

    std::int64_t transaction = 0;  ///< the number of the one that runs
    SysTime moment{};              ///< when it does, by no process's clock
    void begin(SysTime now) {
        ++transaction;
        moment = now;
    }
    /// The customer of a channel that shows the rows sees this one now.
    std::function<void(const SimConversation& conversation, const SimReply& reply)> shown;
    std::vector<Account> accounts;
    /// When accounts that changed shops were whose: from, and until. Of all others it doesn't matter.
    std::map<std::pair<TenantId, AccountId>, std::pair<SysTime, SysTime>> held;
    std::map<std::string, Endpoint> endpoints;  ///< by key
    std::map<TenantId, SimTenant> tenants;
    std::map<TimerId, SimTimer> timers;
    std::int64_t last_timer_life = 0;
    std::map<std::tuple<std::string, std::string, std::int32_t, std::int64_t>, DeadLetter> dead_letters;
    Millis spacing{4'000};
    std::set<std::string> limited;           ///< channels whose bubbles must be admitted
    std::map<std::string, Millis> spacings;  ///< of channels that have another one
    /// Else no call is asked for, and a world without budgets is what it was before there were any.
    bool counts_money = false;
    std::vector<SimPrice> prices;
    std::vector<std::string> money_problems;  ///< what nobody should ever see
    std::set<std::string> resending;  ///< channels on which a bubble of which nothing is known is sent again

    // resolve
    /// `written` is none for receipts.
    virtual std::optional<Account> find_account(const std::string& channel, const std::string& external_id,
                                                EndpointId scope, std::optional<SysTime> written);
    std::optional<Account> find_owner(const std::string& channel, EndpointId scope);
    virtual StoredMessage store_message(const Account& account, const Inbound& inbound, SysTime appended);
    virtual StoredMessage store_echo(const Account& account, const Inbound& inbound, SysTime appended);
    void rename_contact(const Account& account, const Alias& from, const Alias& to);
    // buffer
    virtual TurnClaim claim_turn(TenantId tenant, ConversationId conversation,
                                 const std::vector<MessageId>& wanted, SysTime now, int max_open_turns);
    void expire_messages(TenantId tenant, ConversationId conversation, const std::vector<MessageId>& wanted);
    // retrieve, infer
    TurnText turn_text(TenantId tenant, TurnId turn);
    void freeze_step(TenantId tenant, TurnId turn, std::vector<Passage> passages);
    virtual Inference load(TenantId tenant, TurnId turn);
    /// Whether an answer of the turn's would be the conversation's first.
    virtual bool is_first_answer(TenantId tenant, TurnId turn) const;
    virtual std::vector<ReplyId> commit_answer(TenantId tenant, TurnId turn, int step,
                                               const std::vector<std::string>& bubbles, SysTime now);
    virtual CallReservation reserve_call(TenantId tenant, TurnId turn, int step, const PlannedCall& call,
                                         SysTime now);
    /// Whether there was one.
    bool settle_call(TenantId tenant, TurnId turn, int step, const std::string& code, const Usage& usage,
                     SysTime now, int attempt);
    void settle_answer(TenantId tenant, TurnId turn, int step, const Completion& completion, SysTime now);
    void set_budget(TenantId tenant, const std::string& period, std::optional<std::int64_t> hard,
                    std::optional<std::int64_t> soft, SysTime now);
    /// Whether that was the right answer, and in the end all sums are right.
    void check_reservation(TenantId tenant, const CallReservation& answer);
    void check_money();
    std::vector<ReplyId> fail_turn(TenantId tenant, TurnId turn, const std::string& code, SysTime now);
    void drop_turn(TenantId tenant, TurnId turn, const std::string& reason);
    // relay, settle. `granted`: this process was given the permit for the bubble before.
    struct Claimed {
        ReplyClaim claim;
        int attempt = 0;
    };
    virtual Claimed claim_reply(TenantId tenant, ReplyId reply, int process, bool granted, bool admitted,
                                SysTime now);
    void postpone_reply(TenantId tenant, ReplyId reply, SysTime due);
    void finish_reply(TenantId tenant, ReplyId reply, int attempt, const Sent& sent,
                      std::optional<SysTime> due, SysTime now);
    ReplyClaim expire_reply(TenantId tenant, ReplyId reply, SysTime now);
    virtual Settled settle(const Account& account, const Receipt& receipt, SysTime now);
    // the shop's side
    bool take_over(TenantId tenant, ConversationId conversation, SysTime now);
    virtual bool give_back(TenantId tenant, ConversationId conversation);
    std::optional<ReplyId> request_reply(TenantId tenant, ConversationId conversation,
                                         const std::string& client_id, const std::string& text, SysTime now);
    // the gateway, wake
    std::optional<Endpoint> find_endpoint(const std::string& channel, const std::string& key) const;
    void park(const Timer& timer);
    Millis spacing_of(const SimConversation& conversation) const;

  protected:
    std::optional<SimPrice> price_of(const std::string& model) const;
    static void begin_period(SimTenant& tenant, SimBudget& budget, SysTime now);
    static void hold_budgets(SimTenant& tenant, SysTime now);
    static void count_call(SimTenant& tenant, const SimCall& call, std::int64_t reserved, std::int64_t spent);
    virtual void release_calls(SimTenant& tenant, SysTime now);
    /// `mine` is reserved for the same call already.
    virtual CallReservation::State verdict(const SimBudget& budget, std::int64_t asked,
                                           std::int64_t mine) const;
    std::optional<TenantId> sole_shop(EndpointId scope) const;
    std::string sole_account(const std::string& channel, EndpointId scope) const;
    /// Another shop has the number now.
    bool is_anothers(const Account& account) const;
    SimConversation& ensure_conversation(const Account& account, const Inbound& inbound);
    bool is_our_own(const SimTenant& tenant, const SimConversation& conversation, const Inbound& echo) const;
    virtual void silence_agent(SimTenant& tenant, SimConversation& conversation, SysTime now);
    void close_turn(SimTenant& tenant, SimTurn& turn, SimTurn::Status status, std::string reason);
    void drop_message(SimTenant& tenant, SimConversation& conversation, SimMessage& message,
                      const std::string& reason);
    virtual void drop_unsent(SimTenant& tenant, const SimConversation& conversation,
                             std::optional<TurnId> turn, const std::string& reason);
    std::vector<ReplyId> add_replies(SimTenant& tenant, const SimTurn& turn,
                                     const std::vector<std::string>& bubbles, SysTime now);
    bool may_speak(SimTenant& tenant, SimTurn& turn);
    std::pair<SimReply*, SimDelivery*> delivery_of(const Account& account, const Receipt& receipt);
    void confirm(SimTenant& tenant, SimReply& reply, SysTime now);
    virtual bool is_held(const SimConversation& conversation, const SimTurn& turn, SysTime now) const;
    std::optional<SysTime> earlier_open_until(const SimTenant& tenant, const SimReply& reply, SysTime now);
};

/// Not more than twice in a row nor after 90 s; never once a tool began to change something.
bool may_be_superseded(const SimTurn& turn, SysTime now);
/// The turn and those that it superseded.
std::set<TurnId> answered_turns(const SimTenant& tenant, TurnId turn);

}  // namespace relevo
