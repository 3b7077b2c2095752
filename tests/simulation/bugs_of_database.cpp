#include <utility>

#include "tests/simulation/bugs.hpp"

namespace relevo {
namespace {

SimReply* reply_of(SimTenant& tenant, ReplyId id) {
    const auto found = tenant.replies.find(id);
    return found == tenant.replies.end() ? nullptr : &found->second;
}

struct AnswerNotReadBack final : SimDatabase {
    Inference load(TenantId tenant, TurnId turn) override {
        Inference found = SimDatabase::load(tenant, turn);
        if (found.state == Inference::State::answered) found.replies.clear();
        return found;
    }
};

struct TurnNotReadBack final : SimDatabase {
    TurnClaim claim_turn(TenantId tenant, ConversationId conversation, const std::vector<MessageId>& wanted,
                         SysTime now, int max_open_turns) override {
        const auto before = tenants[tenant].turns.size();
        TurnClaim claim = SimDatabase::claim_turn(tenant, conversation, wanted, now, max_open_turns);
        const bool made = tenants[tenant].turns.size() > before;
        if (claim.state == TurnClaim::State::claimed && !made) return {};
        return claim;
    }
};

struct ClaimWithoutEpoch final : SimDatabase {
    Claimed claim_reply(TenantId tenant, ReplyId id, int process, bool granted, bool admitted,
                        SysTime now) override {
        const SimReply* reply = reply_of(tenants[tenant], id);
        if (!reply) return SimDatabase::claim_reply(tenant, id, process, granted, admitted, now);
        SimConversation& conversation = tenants[tenant].conversations.at(reply->conversation);
        const bool human = std::exchange(conversation.human, false);
        const auto epoch = std::exchange(conversation.epoch, reply->epoch);
        Claimed claimed = SimDatabase::claim_reply(tenant, id, process, granted, admitted, now);
        conversation.human = human;
        conversation.epoch = epoch;
        return claimed;
    }
};

struct SpacingIgnored final : SimDatabase {
    Claimed claim_reply(TenantId tenant, ReplyId id, int process, bool granted, bool admitted,
                        SysTime now) override {
        if (const SimReply* reply = reply_of(tenants[tenant], id))
            tenants[tenant].conversations.at(reply->conversation).next_send = {};
        return SimDatabase::claim_reply(tenant, id, process, granted, admitted, now);
    }
};

struct HeldIgnored final : SimDatabase {
    bool is_held(const SimConversation&, const SimTurn&, SysTime) const override { return false; }
};

struct UnknownResent final : SimDatabase {
    Claimed claim_reply(TenantId tenant, ReplyId id, int process, bool granted, bool admitted,
                        SysTime now) override {
        SimReply* reply = reply_of(tenants[tenant], id);
        if (reply && !reply->deliveries.empty()) {
            SimDelivery& last = reply->deliveries.back();
            const bool ours = last.claimed_by == process && !granted;
            if (reply->in_flight() && !ours) last.status = SimDelivery::Status::failed;
            if (reply->status == SimReply::Status::unknown) reply->status = SimReply::Status::pending;
        }
        return SimDatabase::claim_reply(tenant, id, process, granted, admitted, now);
    }
};

struct SupersededSent final : SimDatabase {
    void drop_unsent(SimTenant& tenant, const SimConversation& conversation, std::optional<TurnId> turn,
                     const std::string& reason) override {
        if (reason != "superseded") SimDatabase::drop_unsent(tenant, conversation, turn, reason);
    }
    Claimed claim_reply(TenantId tenant, ReplyId id, int process, bool granted, bool admitted,
                        SysTime now) override {
        const SimReply* reply = reply_of(tenants[tenant], id);
        if (!reply || !reply->turn)
            return SimDatabase::claim_reply(tenant, id, process, granted, admitted, now);
        SimTurn& turn = tenants[tenant].turns.at(*reply->turn);
        const auto status = turn.status;
        if (status == SimTurn::Status::superseded) turn.status = SimTurn::Status::answered;
        Claimed claimed = SimDatabase::claim_reply(tenant, id, process, granted, admitted, now);
        turn.status = status;
        return claimed;
    }
};

// Incident 6: the owner's words are stored, and nothing else.
struct EchoIgnored final : SimDatabase {
    StoredMessage store_echo(const Account& account, const Inbound& inbound, SysTime appended) override {
        deaf_ = true;
        StoredMessage stored = SimDatabase::store_echo(account, inbound, appended);
        deaf_ = false;
        return stored;
    }
    void silence_agent(SimTenant& tenant, SimConversation& conversation, SysTime now) override {
        if (!deaf_) SimDatabase::silence_agent(tenant, conversation, now);
    }

  private:
    bool deaf_ = false;
};

// Incident 6: handed-off conversations are answered from the backlog afterwards.
struct WatermarkStays final : SimDatabase {
    StoredMessage store_message(const Account& account, const Inbound& inbound, SysTime appended) override {
        StoredMessage stored = SimDatabase::store_message(account, inbound, appended);
        SimConversation& conversation = tenants[account.tenant].conversations.at(stored.conversation);
        if (conversation.human)
            conversation.handled_seq = std::min(conversation.handled_seq, conversation.last_seq - 1);
        return stored;
    }
    bool give_back(TenantId tenant, ConversationId id) override {
        const auto found = tenants[tenant].conversations.find(id);
        const auto before = found == tenants[tenant].conversations.end() ? 0 : found->second.handled_seq;
        const bool done = SimDatabase::give_back(tenant, id);
        if (done) tenants[tenant].conversations.at(id).handled_seq = before;
        return done;
    }
};

struct LastAnswerWins final : SimDatabase {
    std::vector<ReplyId> commit_answer(TenantId tenant, TurnId id, int step,
                                       const std::vector<std::string>& bubbles, SysTime now) override {
        auto replies = SimDatabase::commit_answer(tenant, id, step, bubbles, now);
        for (std::size_t n = 0; n < replies.size() && n < bubbles.size(); ++n) {
            SimReply& reply = tenants[tenant].replies.at(replies[n]);
            if (reply.status == SimReply::Status::pending) reply.text = bubbles[n];
        }
        return replies;
    }
};

struct ReceiptGoesBack final : SimDatabase {
    Settled settle(const Account& account, const Receipt& receipt, SysTime now) override {
        const auto [reply, delivery] = delivery_of(account, receipt);
        if (delivery && delivery->receipt && receipt.status != ReceiptStatus::failed)
            delivery->receipt = std::nullopt;
        return SimDatabase::settle(account, receipt, now);
    }
};

struct ScopeNotChecked final : SimDatabase {
    std::optional<Account> find_account(const std::string& channel, const std::string& external_id,
                                        EndpointId scope, std::optional<SysTime> written) override {
        auto found = SimDatabase::find_account(channel, external_id, scope, written);
        if (found) found->others.push_back(scope);
        return found;
    }
};

struct MessageNotUnique final : SimDatabase {
    StoredMessage store_message(const Account& account, const Inbound& inbound, SysTime appended) override {
        Inbound again = inbound;
        const MessageId id = message_id(account.tenant, account.id, inbound.event_id);
        if (tenants[account.tenant].messages.contains(id))
            again.event_id += "#" + std::to_string(transaction);
        return SimDatabase::store_message(account, again, appended);
    }
};

struct AlwaysDisclosed final : SimDatabase {
    bool is_first_answer(TenantId tenant, TurnId turn) const override {
        const auto found = tenants.find(tenant);
        return found != tenants.end() && found->second.turns.contains(turn);
    }
};

struct NeverDisclosed final : SimDatabase {
    bool is_first_answer(TenantId, TurnId) const override { return false; }
};

template <class Instead>
struct WithDatabase final : SimParts {
    std::unique_ptr<SimDatabase> database() const override { return std::make_unique<Instead>(); }
};

template <class Instead>
SimBug bug(std::string name, std::string what) {
    return {std::move(name), std::move(what), 0, std::make_shared<WithDatabase<Instead>>()};
}

}  // namespace

std::vector<SimBug> database_bugs() {
    return {
        bug<AnswerNotReadBack>("answer-not-read-back", "an answer that is there already is not told again"),
        bug<TurnNotReadBack>("turn-not-read-back",
                             "a turn that is there already means that nothing is to do"),
        bug<ClaimWithoutEpoch>("claim-without-epoch", "a bubble is claimed whoever has the conversation"),
        bug<SpacingIgnored>("spacing-ignored", "bubbles follow one another at once"),
        bug<HeldIgnored>("held-ignored", "a newer message does not keep the older answer back"),
        bug<UnknownResent>("unknown-resent", "what may have been sent is sent again"),
        bug<SupersededSent>("superseded-sent", "an answer goes on after the next turn took its place"),
        bug<EchoIgnored>("echo-ignored", "the owner's own message takes nothing over"),
        bug<WatermarkStays>("watermark-stays", "what a human saw is answered after the give-back"),
        bug<LastAnswerWins>("last-answer-wins", "of two answers to a turn the later one is kept"),
        bug<ReceiptGoesBack>("receipt-goes-back", "a late receipt replaces a newer one"),
        bug<ScopeNotChecked>("scope-not-checked", "a webhook speaks for another shop's account"),
        bug<AlwaysDisclosed>("always-disclosed", "each answer is a conversation's first one"),
        bug<NeverDisclosed>("never-disclosed", "no answer is a conversation's first one"),
        bug<MessageNotUnique>("message-not-unique", "a redelivered message is a new one"),
    };
}

}  // namespace relevo
