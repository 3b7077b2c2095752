#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "tests/simulation/books.hpp"
#include "tests/simulation/world.hpp"

namespace relevo {
namespace {

using Status = SimReply::Status;

std::string lines(const SimTenant& tenant, const SimConversation& conversation) {
    std::string out =
        fmt::format("conversation {} of {}: {}, epoch {}, handled {} of {}\n", conversation.id.to_string(),
                    conversation.account.external_id, conversation.human ? "human" : "agent",
                    conversation.epoch, conversation.handled_seq, conversation.last_seq);
    for (const auto& it : conversation.messages) {
        out += fmt::format("  {} message {} {} '{}' turn {}\n", to_iso8601(it.appended), it.seq,
                           it.id.to_string(), it.text, it.turn ? it.turn->to_string() : "none");
    }
    for (const auto& id : conversation.turns) {
        const SimTurn& it = tenant.turns.at(id);
        out += fmt::format("  turn {} messages {} to {} status {} {} supersedes {}\n", id.to_string(),
                           it.first_seq, it.last_seq, static_cast<int>(it.status), it.reason,
                           it.supersedes ? it.supersedes->to_string() : "none");
    }
    for (const auto& id : conversation.replies) {
        const SimReply& it = tenant.replies.at(id);
        out += fmt::format("  reply {} '{}' of {} order {}.{} epoch {} status {} {} attempts {}\n",
                           id.to_string(), it.text, it.turn ? it.turn->to_string() : "a human",
                           it.order.first, it.order.second, it.epoch, static_cast<int>(it.status), it.reason,
                           it.deliveries.size());
    }
    return out;
}

// Those who may have left an intent that nobody can tell the end of.
bool was_troubled(const SimWorld& world) {
    return world.crashes() > 0 || world.disturbances > 0;
}

void check_unknown(const SimWorld& world, const SimReply& reply, SimProblems& out) {
    if (reply.status != Status::unknown || was_troubled(world)) return;
    const auto attempt = static_cast<int>(reply.deliveries.size());
    if (world.provider.unclear.contains({reply.id, attempt})) return;
    out.push_back(fmt::format("'{}' is unknown, and no fault explains it", reply.text));
}

void check_replies(const SimWorld& world, const SimTenant& tenant, const SimConversation& conversation,
                   SimProblems& out) {
    const bool old =
        world.clock.now() - conversation.messages.front().appended > world.pipeline.expires_after;
    for (const auto& id : conversation.replies) {
        const SimReply& reply = tenant.replies.at(id);
        const auto count = world.provider.count(id);
        const std::string what = fmt::format("'{}' of {}: ", reply.text, id.to_string());
        if (count > 1) out.push_back(fmt::format("{}sent {} times", what, count));
        // A human who was not told that it is taken knows that it may not be on its way.
        if (reply.status == Status::pending && (reply.by_agent || world.promised.contains(id)))
            out.push_back(what + "still pending");
        if (reply.status == Status::sent && count != 1) out.push_back(what + "noted as sent, and was not");
        if (reply.status == Status::dropped && count != 0) out.push_back(what + "dropped, and was sent");
        if (reply.status == Status::dropped && reply.reason != "human" && reply.reason != "superseded" &&
            !(old && reply.reason == "expired")) {
            out.push_back(what + "dropped for no good reason: " + reply.reason);
        }
        const bool refused_for_good = world.faces_rejection && (reply.reason.ends_with(".undeliverable") ||
                                                                reply.reason.ends_with(".blocked"));
        if (reply.status == Status::failed && !reply.was_unknown && !reply.failed_later && !refused_for_good)
            out.push_back(what + "failed: " + reply.reason);
        check_unknown(world, reply, out);
    }
}

void check_order(const SimWorld& world, const SimTenant& tenant, const SimConversation& conversation,
                 SimProblems& out) {
    // a receipt may confirm a bubble before its sender notes it: then only the time of the intent counts
    const Millis tolerance = world.settings.rates.longest_send + world.settings.rates.longest_call * 3 +
                             world.settings.largest_skew * 2 + Millis{1};
    const Millis spacing = world.database.spacing_of(conversation) - tolerance;
    const SimBubble* before = nullptr;
    const SimReply* reply_before = nullptr;
    for (const auto& bubble : world.provider.bubbles) {
        const SimReply* reply = find_reply(tenant, bubble.reply());
        if (!reply || reply->conversation != conversation.id) continue;
        const auto* sent_before = reply_before ? find_delivery(*reply_before, before->tag.attempt) : nullptr;
        // what its sender never heard of, or was kept from sending, may have landed long after its intent
        const bool prompt =
            sent_before && sent_before->taken && before->at - sent_before->claimed_at < tolerance;
        if (prompt && bubble.at - before->at < spacing) {
            out.push_back(fmt::format("only {} ms between '{}' and '{}'", (bubble.at - before->at).count(),
                                      before->text, bubble.text));
        }
        // what was there before the other was claimed
        if (sent_before && reply->order < reply_before->order && reply->made < sent_before->claimed) {
            out.push_back("out of order: '" + bubble.text + "' after '" + before->text + "'");
        }
        before = &bubble;
        reply_before = reply;
    }
    // a take-over ends an epoch: of what was said in it, one bubble may still land
    for (const auto& handoff : conversation.handoffs) {
        if (!handoff.to_human) continue;
        const auto late = std::count_if(
            world.provider.bubbles.begin(), world.provider.bubbles.end(), [&](const SimBubble& bubble) {
                const SimReply* reply = find_reply(tenant, bubble.reply());
                if (!reply || reply->conversation != conversation.id || !reply->turn) return false;
                const SimDelivery* sent = find_delivery(*reply, bubble.tag.attempt);
                return sent && sent->claimed < handoff.transaction && bubble.at > handoff.at;
            });
        if (late > 1) out.push_back(fmt::format("{} bubbles of the agent after a human took over", late));
    }
}

// The first bubble that a customer gets of an agent discloses, unless one that does was lost or may be late.
void check_who_speaks(const SimWorld& world, const SimTenant& tenant, const SimConversation& conversation,
                      SimProblems& out) {
    using Delivery = SimDelivery::Status;
    const bool excused =
        std::any_of(conversation.replies.begin(), conversation.replies.end(), [&](const ReplyId& id) {
            const SimReply& reply = tenant.replies.at(id);
            const auto is_unclear = [](const SimDelivery& it) {
                return !it.taken && it.status != Delivery::failed;
            };
            return reply.turn && reply.text.starts_with(tenant.disclosure) &&
                   (reply.status != Status::sent ||
                    std::any_of(reply.deliveries.begin(), reply.deliveries.end(), is_unclear));
        });
    if (excused) return;
    for (const auto& bubble : world.provider.bubbles) {
        const SimReply* reply = find_reply(tenant, bubble.reply());
        if (!reply || reply->conversation != conversation.id || !reply->turn) continue;
        if (!reply->text.starts_with(tenant.disclosure)) {
            out.push_back("read before what is disclosed: '" + reply->text + "' in " +
                          conversation.id.to_string());
        }
        return;
    }
}

// The answer that is made first begins with what the shop discloses, whatever became of it. Another one does
// where that was lost, or goes out after it.
void check_disclosure(const SimWorld& world, const SimTenant& tenant, const SimConversation& conversation,
                      SimProblems& out) {
    if (tenant.disclosure.empty()) return;
    const std::string who = " in " + conversation.id.to_string();
    bool first = true;
    const SimReply* before = nullptr;
    for (const auto& id : conversation.replies) {
        const SimReply& reply = tenant.replies.at(id);
        if (!reply.turn) continue;
        const bool discloses = reply.text.starts_with(tenant.disclosure);
        if (std::exchange(first, false) && !discloses)
            out.push_back("undisclosed: '" + reply.text + "'" + who);
        if (!discloses) continue;
        // a receipt may say of one that was thought lost that it came
        if (before && before->status == Status::sent && !before->was_unknown && before->order < reply.order)
            out.push_back("disclosed again: '" + reply.text + "'" + who);
        before = &reply;
    }
    check_who_speaks(world, tenant, conversation, out);
}

void check_tenants(const SimWorld& world, SimProblems& out) {
    for (const auto& bubble : world.provider.bubbles) {
        for (const auto& account : world.database.accounts) {
            if (account.external_id != bubble.account) continue;
            const SimTenant& tenant = world.database.tenants.at(account.tenant);
            const SimReply* reply = find_reply(tenant, bubble.reply());
            if (!reply || tenant.conversations.at(reply->conversation).account.id != account.id ||
                bubble.token != "token-of-tenant-" + account.tenant.to_string()) {
                out.push_back("another shop's bubble: " + bubble.text);
            }
            // customers of these worlds say whose they are: "shop/name: …"
            const std::string speaker = speaker_of(bubble.text);
            if (!speaker.empty() && speaker != bubble.account + "/" + bubble.to) {
                out.push_back("somebody else's words: " + bubble.text + " to " + bubble.to + " of " +
                              bubble.account);
            }
        }
    }
    for (const auto& [id, tenant] : world.database.tenants) {
        for (const auto& [conversation_id, conversation] : tenant.conversations) {
            const std::string expected = conversation.account.external_id + "/" + conversation.to.value;
            for (const auto& message : conversation.messages) {
                const std::string speaker = speaker_of(message.text);
                if (!speaker.empty() && speaker != expected)
                    out.push_back(message.text + " lies in the conversation of " + expected);
            }
        }
    }
    out.insert(out.end(), world.provider.problems.begin(), world.provider.problems.end());
}

void check_dead_letters(const SimWorld& world, SimProblems& out) {
    for (const auto& [place, letter] : world.database.dead_letters) {
        const bool model = letter.code == "model.refused" && world.faces_refusal;
        const bool poison = letter.code == "record.malformed" && world.poisoned;
        const bool refused =
            letter.code == "resolve.unknown_account" || letter.code == "resolve.foreign_account";
        if (model || poison || (refused && !world.said.empty())) continue;
        out.push_back("dead letter: " + letter.stage + " " + letter.code + " " + letter.text);
    }
}

}  // namespace

std::string tell_story(const SimWorld& world) {
    std::string out;
    for (const auto& [id, tenant] : world.database.tenants) {
        for (const auto& [conversation_id, conversation] : tenant.conversations)
            out += lines(tenant, conversation);
    }
    for (const auto& stage : world.pipeline.stages) {
        if (stage.input == timers_input) continue;
        out += stage.input + "\n";
        for (const auto& it : world.log.all(stage.input)) {
            out += fmt::format("  {} {}:{} {} {}\n", to_iso8601(it->appended), it->partition,
                               it->offset.value, it->record.headers.id, it->record.value);
        }
    }
    for (const auto& bubble : world.provider.bubbles) {
        out += fmt::format("sent {} to {} '{}' {}\n", to_iso8601(bubble.at), bubble.to, bubble.text,
                           bubble.reply().to_string());
    }
    return out;
}

std::vector<std::string> find_problems(SimWorld& world) {
    SimProblems out = world.log.problems();
    out.insert(out.end(), world.problems.begin(), world.problems.end());
    if (!world.quiet()) out.push_back("work is left over");
    for (const auto& stage : world.late())
        out.push_back(stage + " left a record unsettled for more than two minutes");
    for (const auto& [id, tenant] : world.database.tenants) {
        if (!tenant.open.empty()) out.push_back("a turn is still open");
        for (const auto& [conversation_id, conversation] : tenant.conversations) {
            if (conversation.messages.empty()) continue;
            check_replies(world, tenant, conversation, out);
            check_order(world, tenant, conversation, out);
            check_disclosure(world, tenant, conversation, out);
        }
    }
    check_books(world, out);
    check_claims(world, out);
    check_tenants(world, out);
    check_dead_letters(world, out);
    world.database.check_money();
    const auto& money = world.database.money_problems;
    out.insert(out.end(), money.begin(), money.end());
    return out;
}

}  // namespace relevo
