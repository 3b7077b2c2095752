#include <fmt/format.h>

#include <algorithm>

#include "domain/records.hpp"
#include "tests/simulation/books.hpp"

namespace relevo {
namespace {

// Until when each message may be answered: as of its last coming.
using Expiries = std::map<std::pair<std::string, std::string>, SysTime>;

Expiries read_expiries(const SimWorld& world) {
    Expiries latest;
    for (const auto& logged : world.log.all(std::string(topics::messages_received))) {
        const auto expires = logged->record.headers.expires;
        const auto message = decode_message_received(logged->record.value);
        if (!message || !expires) continue;
        const std::string scope = message->channel + "/" + message->scope.to_string();
        auto& known = latest[{scope, message->inbound.event_id}];
        known = std::max(known, *expires);
    }
    return latest;
}

// Rule 7, told again from what the transactions left behind rather than from what they do.
class Claims {
  public:
    Claims(const SimWorld& world, const Expiries& expiries, const SimTenant& tenant,
           const SimConversation& conversation, SimProblems& out)
        : world_(world), expiries_(expiries), tenant_(tenant), conversation_(conversation), out_(out) {
        scope_ = conversation.account.channel + "/" + conversation.account.endpoint.to_string();
    }

    void check() {
        for (const auto& id : conversation_.replies) {
            const SimReply& reply = tenant_.replies.at(id);
            if (!reply.turn) continue;
            for (const auto& intent : reply.deliveries) check_intent(reply, intent);
        }
    }

  private:
    void check_intent(const SimReply& reply, const SimDelivery& intent) {
        const SimTurn& turn = tenant_.turns.at(*reply.turn);
        std::int64_t epoch = 0;
        bool human = false;
        for (const auto& handoff : conversation_.handoffs) {
            if (handoff.transaction > intent.claimed) break;
            ++epoch;
            human = handoff.to_human;
        }
        // what is said when a human is called is said in the human's epoch
        if (human && reply.by_agent)
            out_.push_back("the agent spoke while a human had the conversation: " + reply.text);
        if (epoch != reply.epoch)
            out_.push_back("the agent said what an earlier epoch decided: " + reply.text);
        const bool over =
            turn.status == SimTurn::Status::superseded || turn.status == SimTurn::Status::dropped;
        if (over && turn.closed < intent.claimed)
            out_.push_back("sent after its turn was over (" + turn.reason + "): " + reply.text);
        if (reply.by_agent) check_held(reply, turn, intent);
        check_expiry(reply, turn, intent);
    }

    // A newer message that waits for its turn keeps the older answer back.
    void check_held(const SimReply& reply, const SimTurn& turn, const SimDelivery& intent) {
        const bool replaceable =
            turn.supersedes_count < 2 && !turn.wrote && intent.asked_at - turn.first_at < Millis{90'000};
        if (!replaceable) return;
        for (const auto& message : conversation_.messages) {
            if (!message.opens_turn() || message.seq <= turn.last_seq) continue;
            if (message.stored > intent.claimed) continue;
            if (message.claimed > 0 && message.claimed < intent.claimed) continue;
            const bool seen_by_human = std::any_of(
                conversation_.handoffs.begin(), conversation_.handoffs.end(),
                [&](const SimConversation::Handoff& handoff) {
                    return handoff.transaction <= intent.claimed && handoff.transaction > message.stored;
                });
            if (seen_by_human) continue;
            out_.push_back("sent although '" + message.text + "' had come: " + reply.text);
            return;
        }
    }

    // Nothing is sent because of what is too old; a message that comes twice is as young as its last coming.
    void check_expiry(const SimReply& reply, const SimTurn& turn, const SimDelivery& intent) {
        std::optional<SysTime> expires;
        for (const auto& message : conversation_.messages) {
            if (!message.opens_turn() || message.stored > intent.claimed) continue;
            const auto found = expiries_.find({scope_, message.event_id});
            if (found != expiries_.end()) expires = std::max(expires.value_or(found->second), found->second);
        }
        const Millis tolerance = world_.settings.largest_skew * 2 + world_.settings.rates.longest_call * 2;
        if (expires && intent.claimed_at > *expires + tolerance && turn.last_seq > 0)
            out_.push_back("sent after everything it answers had expired: " + reply.text);
    }

    const SimWorld& world_;
    const Expiries& expiries_;
    const SimTenant& tenant_;
    const SimConversation& conversation_;
    SimProblems& out_;
    std::string scope_;
};

}  // namespace

void check_claims(const SimWorld& world, SimProblems& out) {
    const Expiries expiries = read_expiries(world);
    for (const auto& [id, tenant] : world.database.tenants) {
        for (const auto& [conversation_id, conversation] : tenant.conversations)
            Claims(world, expiries, tenant, conversation, out).check();
    }
}

}  // namespace relevo
