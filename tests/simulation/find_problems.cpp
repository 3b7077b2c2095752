#include <algorithm>

#include <fmt/format.h>

#include "tests/simulation/world.hpp"

namespace relevo {
namespace {

using Problems = std::vector<std::string>;
using Status = SimReply::Status;

// The lines of a bubble: several bubbles may have been joined.
bool has_line(const std::string& text, const std::string& line) {
    const std::string padded = "\n" + text + "\n";
    return padded.find("\n" + line + "\n") != std::string::npos;
}

const SimReply* find_reply(const SimTenant& tenant, ReplyId id) {
    const auto found = tenant.replies.find(id);
    return found == tenant.replies.end() ? nullptr : &found->second;
}

// The turn that stands for this one in the end.
const SimTurn& final_turn(const SimTenant& tenant, const SimTurn& turn) {
    const SimTurn* at = &turn;
    while (at->status == SimTurn::Status::superseded) {
        const auto next = std::find_if(tenant.turns.begin(), tenant.turns.end(),
                                       [&](const auto& other) { return other.second.supersedes == at->id; });
        if (next == tenant.turns.end()) break;
        at = &next->second;
    }
    return *at;
}

void check_messages(const SimWorld& world, const SimTenant& tenant, const SimConversation& conversation,
                    Problems& out) {
    for (const auto& message : conversation.messages) {
        if (!message.opens_turn()) continue;
        if (!message.turn) {
            if (message.seq > conversation.handled_seq) out.push_back("never answered: " + message.text);
            continue;
        }
        const auto turns = answered_turns(tenant, final_turn(tenant, tenant.turns.at(*message.turn)).id);
        const SimTurn& last = final_turn(tenant, tenant.turns.at(*message.turn));
        if (last.status == SimTurn::Status::open || last.status == SimTurn::Status::superseded) {
            out.push_back("its turn never ended: " + message.text);
        }
        const auto& sent = world.provider.bubbles;
        const auto answers = std::count_if(sent.begin(), sent.end(), [&](const SimBubble& bubble) {
            const SimReply* reply = find_reply(tenant, bubble.reply);
            return reply && reply->conversation == conversation.id &&
                   has_line(bubble.text, "re " + message.text);
        });
        if (answers > static_cast<std::ptrdiff_t>(turns.size())) {
            out.push_back(
                fmt::format("answered {} times in {} turns: {}", answers, turns.size(), message.text));
        }
        if (last.status != SimTurn::Status::answered) continue;
        const bool in_answer =
            std::any_of(conversation.replies.begin(), conversation.replies.end(), [&](const auto& id) {
                const SimReply& reply = tenant.replies.at(id);
                return reply.turn == last.id && has_line(reply.text, "re " + message.text);
            });
        if (!in_answer) out.push_back("left out of its answer: " + message.text);
    }
}

void check_replies(const SimWorld& world, const SimTenant& tenant, const SimConversation& conversation,
                   Problems& out) {
    const bool old =
        world.clock.now() - conversation.messages.front().appended > world.pipeline.expires_after;
    for (const auto& id : conversation.replies) {
        const SimReply& reply = tenant.replies.at(id);
        const auto count = world.provider.count(id);
        const std::string what = fmt::format("'{}' of {}: ", reply.text, id.to_string());
        if (count > 1) out.push_back(fmt::format("{}sent {} times", what, count));
        if (reply.status == Status::pending) out.push_back(what + "still pending");
        if (reply.status == Status::sent && count != 1) out.push_back(what + "noted as sent, and was not");
        if (reply.status == Status::dropped && count != 0) out.push_back(what + "dropped, and was sent");
        if (reply.status == Status::dropped && reply.reason != "human" && reply.reason != "superseded" &&
            !(old && reply.reason == "expired")) {
            out.push_back(what + "dropped for no good reason: " + reply.reason);
        }
        if (reply.status == Status::failed && !reply.was_unknown)
            out.push_back(what + "failed: " + reply.reason);
    }
}

void check_order(const SimWorld& world, const SimTenant& tenant, const SimConversation& conversation,
                 Millis spacing, Problems& out) {
    const SimBubble* before = nullptr;
    const SimReply* reply_before = nullptr;
    for (const auto& bubble : world.provider.bubbles) {
        const SimReply* reply = find_reply(tenant, bubble.reply);
        if (!reply || reply->conversation != conversation.id) continue;
        if (before && bubble.at - before->at < spacing) {
            out.push_back(fmt::format("only {} ms between '{}' and '{}'", (bubble.at - before->at).count(),
                                      before->text, bubble.text));
        }
        if (reply_before && reply->order < reply_before->order) {
            out.push_back("out of order: '" + bubble.text + "' after '" + before->text + "'");
        }
        before = &bubble;
        reply_before = reply;
    }
    // a take-over ends an epoch: of what was said in it, one bubble may still land
    for (const auto& [moment, epoch] : conversation.taken_over) {
        std::size_t late = 0;
        for (const auto& bubble : world.provider.bubbles) {
            const SimReply* reply = find_reply(tenant, bubble.reply);
            late += reply && reply->conversation == conversation.id && reply->turn && reply->epoch < epoch &&
                    bubble.at > moment;
        }
        if (late > 1) out.push_back(fmt::format("{} bubbles of the agent after a human took over", late));
    }
}

void check_tenants(const SimWorld& world, Problems& out) {
    for (const auto& bubble : world.provider.bubbles) {
        for (const auto& account : world.database.accounts) {
            if (account.external_id != bubble.account) continue;
            const SimTenant& tenant = world.database.tenants.at(account.tenant);
            const SimReply* reply = find_reply(tenant, bubble.reply);
            if (!reply || tenant.conversations.at(reply->conversation).account.id != account.id ||
                bubble.token != "token of tenant " + account.tenant.to_string()) {
                out.push_back("another shop's bubble: " + bubble.text);
            }
            // customers of these worlds say whose they are: "shop/name: …"
            const auto said = bubble.text.rfind("re ", 0) == 0 ? bubble.text.substr(3) : std::string();
            const auto colon = said.find(": ");
            if (colon != std::string::npos && said.substr(0, colon) != bubble.account + "/" + bubble.to) {
                out.push_back("somebody else's words: " + bubble.text + " to " + bubble.to + " of " +
                              bubble.account);
            }
        }
    }
}

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
                           bubble.reply.to_string());
    }
    return out;
}

std::vector<std::string> find_problems(SimWorld& world) {
    Problems out = world.log.problems();
    if (!world.quiet()) out.push_back("work is left over");
    for (const auto& stage : world.late())
        out.push_back(stage + " left a record unsettled for more than two minutes");
    // a process that died in the middle of a send leaves the time of its intent, not that of the bubble
    const Millis spacing =
        world.database.spacing - world.settings.rates.longest_send - world.settings.rates.longest_call;
    for (const auto& [id, tenant] : world.database.tenants) {
        if (!tenant.open.empty()) out.push_back("a turn is still open");
        for (const auto& [conversation_id, conversation] : tenant.conversations) {
            check_messages(world, tenant, conversation, out);
            check_replies(world, tenant, conversation, out);
            check_order(world, tenant, conversation, spacing, out);
        }
    }
    check_tenants(world, out);
    if (world.settings.rates.model_gives_up == 0) {
        for (const auto& [place, letter] : world.database.dead_letters) {
            out.push_back("dead letter: " + letter.stage + " " + letter.code + " " + letter.text);
        }
    }
    return out;
}

}  // namespace relevo
