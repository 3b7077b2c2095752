#include "tests/simulation/books.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "domain/records.hpp"

namespace relevo {
namespace {

using Status = SimTurn::Status;

// Without the number that an answer's bubbles end with.
std::string_view without_mark(std::string_view line) {
    const auto mark = line.rfind(" ~");
    return mark == std::string_view::npos ? line : line.substr(0, mark);
}

std::string mark_of(std::string_view text) {
    const auto mark = text.rfind(" ~");
    return mark == std::string_view::npos ? std::string() : std::string(text.substr(mark));
}

// The lines of a bubble: several bubbles may have been joined.
bool has_line(std::string_view text, std::string_view line) {
    while (!text.empty()) {
        const auto own = text.substr(0, text.find('\n'));
        if (without_mark(own) == line) return true;
        text.remove_prefix(std::min(own.size() + 1, text.size()));
    }
    return false;
}

const SimTurn* successor(const SimTenant& tenant, const SimTurn& turn) {
    for (const auto& [id, other] : tenant.turns) {
        if (other.supersedes == turn.id) return &other;
    }
    return nullptr;
}

// The turn that stands for this one in the end.
const SimTurn& final_turn(const SimTenant& tenant, const SimTurn& turn) {
    const SimTurn* at = &turn;
    while (at->status == Status::superseded) {
        const SimTurn* next = successor(tenant, *at);
        if (!next) break;
        at = next;
    }
    return *at;
}

// "" where it has none.
std::string end_of(const SimTenant& tenant, const SimConversation& conversation, const SimMessage& message) {
    if (!message.turn) return message.seq <= conversation.handled_seq ? "human" : "";
    const SimTurn& turn = tenant.turns.at(*message.turn);
    switch (turn.status) {
        case Status::open:
            return "";
        case Status::answered:
        case Status::failed:
            return "answered";
        case Status::superseded:
            return successor(tenant, turn) ? "superseded" : "";
        case Status::dropped:
            break;
    }
    if (turn.reason.empty()) return "";
    return turn.reason == "human" ? "human" : "dropped: " + turn.reason;
}

void check_message(const SimWorld& world, const SimTenant& tenant, const SimConversation& conversation,
                   const SimMessage& message, SimProblems& out) {
    if (end_of(tenant, conversation, message).empty())
        out.push_back("has no end in the books: " + message.text);
    if (!message.turn) return;
    const SimTurn& last = final_turn(tenant, tenant.turns.at(*message.turn));
    const auto turns = answered_turns(tenant, last.id);
    const auto& sent = world.provider.bubbles;
    const auto answers = std::count_if(sent.begin(), sent.end(), [&](const SimBubble& bubble) {
        const SimReply* reply = find_reply(tenant, bubble.reply());
        return reply && reply->conversation == conversation.id && has_line(bubble.text, "re " + message.text);
    });
    if (answers > static_cast<std::ptrdiff_t>(turns.size())) {
        out.push_back(fmt::format("answered {} times in {} turns: {}", answers, turns.size(), message.text));
    }
    if (last.status != Status::answered) return;
    const bool in_answer =
        std::any_of(conversation.replies.begin(), conversation.replies.end(), [&](const auto& id) {
            const SimReply& reply = tenant.replies.at(id);
            return reply.turn == last.id && has_line(reply.text, "re " + message.text);
        });
    if (!in_answer) out.push_back("left out of its answer: " + message.text);
}

// Where the log has each message first.
using FirstPlaces = std::map<std::pair<std::string, std::string>, std::pair<std::int32_t, std::int64_t>>;

FirstPlaces first_places(const SimWorld& world) {
    FirstPlaces places;
    for (const auto& logged : world.log.all(std::string(topics::messages_received))) {
        const auto message = decode_message_received(logged->record.value);
        if (!message) continue;
        const std::string scope = message->channel + "/" + message->scope.to_string();
        places.try_emplace({scope, message->inbound.event_id}, logged->partition, logged->offset.value);
    }
    return places;
}

// The log's order is the conversation's.
void check_sequence(const FirstPlaces& places, const SimConversation& conversation, SimProblems& out) {
    const std::string scope = conversation.account.channel + "/" + conversation.account.endpoint.to_string();
    std::optional<std::pair<std::int32_t, std::int64_t>> before;
    for (const auto& message : conversation.messages) {
        if (!message.inbound) continue;
        const auto found = places.find({scope, message.event_id});
        if (found == places.end()) continue;
        if (before && before->first == found->second.first && found->second.second < before->second)
            out.push_back("stored after what came later: " + message.text);
        before = found->second;
    }
}

bool is_stored(const SimWorld& world, const SimSaid& said) {
    const auto tenant = world.database.tenants.find(said.account.tenant);
    if (tenant == world.database.tenants.end()) return false;
    const MessageId id = message_id(said.account.tenant, said.account.id, said.event_id);
    return tenant->second.messages.contains(id);
}

std::int64_t seq_of(const SimWorld& world, const SimSaid& said) {
    const SimTenant& tenant = world.database.tenants.at(said.account.tenant);
    return tenant.messages.at(message_id(said.account.tenant, said.account.id, said.event_id)).second;
}

// What was promised before the next one was written comes before it.
void check_order_of_said(const SimWorld& world, SimProblems& out) {
    const auto counts = [&](const SimSaid& said) {
        return said.fate == SimSaid::Fate::conversation && said.kind == InboundKind::message &&
               said.accepted && said.first_sent && is_stored(world, said);
    };
    for (const auto& earlier : world.said) {
        if (!counts(earlier)) continue;
        for (const auto& later : world.said) {
            const bool same = later.account.id == earlier.account.id && later.who == earlier.who;
            if (!same || !counts(later) || *later.first_sent <= *earlier.accepted) continue;
            if (seq_of(world, later) < seq_of(world, earlier))
                out.push_back(later.text + " was stored before " + earlier.text);
        }
    }
}

// Two attempts at an answer are two answers: the customer reads one.
void check_answers(const SimWorld& world, const SimTenant& tenant, SimProblems& out) {
    std::map<TurnId, std::string> marks;
    for (const auto& bubble : world.provider.bubbles) {
        const SimReply* reply = find_reply(tenant, bubble.reply());
        if (!reply || !reply->turn) continue;
        if (bubble.text == tenant.disclosure) continue;  // no model's, so without its number
        const std::string mark = mark_of(bubble.text);
        const auto [known, first] = marks.try_emplace(*reply->turn, mark);
        if (!first && known->second != mark) out.push_back("bubbles of two answers mixed: " + bubble.text);
    }
}

bool is_archived(const SimWorld& world, const SimSaid& said) {
    const auto tenant = world.database.tenants.find(said.account.tenant);
    return tenant != world.database.tenants.end() &&
           tenant->second.archive.contains({said.account.id, said.event_id});
}

bool is_dead(const SimWorld& world, const SimSaid& said) {
    return std::any_of(world.database.dead_letters.begin(), world.database.dead_letters.end(),
                       [&](const auto& letter) {
                           return letter.second.stage == "resolve" &&
                                  letter.second.value.find(said.event_id) != std::string::npos;
                       });
}

void check_said(const SimWorld& world, const SimSaid& said, SimProblems& out) {
    const bool stored = is_stored(world, said);
    switch (said.fate) {
        case SimSaid::Fate::conversation:
            if (said.accepted && !stored) out.push_back("accepted and lost: " + said.text);
            return;
        case SimSaid::Fate::archived:
            if (said.accepted && !is_archived(world, said))
                out.push_back("accepted and not archived: " + said.event_id);
            return;
        case SimSaid::Fate::refused:
            break;
    }
    if (said.accepted && !is_dead(world, said)) out.push_back("accepted and nowhere: " + said.event_id);
    if (stored) out.push_back("spoke for another shop's account: " + said.event_id);
}

// An owner who writes from the phone has the conversation from that moment on.
void check_echoes(const SimConversation& conversation, SimProblems& out) {
    for (const auto& message : conversation.messages) {
        if (message.kind != InboundKind::echo) continue;
        const bool taken = std::any_of(conversation.handoffs.begin(), conversation.handoffs.end(),
                                       [&](const SimConversation::Handoff& handoff) {
                                           return handoff.to_human && handoff.transaction == message.stored;
                                       });
        if (!taken) out.push_back("the owner wrote, and the agent kept the conversation: " + message.text);
    }
}

// What was said while a human had the conversation is theirs.
void check_watermark(const SimConversation& conversation, SimProblems& out) {
    for (const auto& message : conversation.messages) {
        if (!message.opens_turn() || !message.turn || message.claimed == 0) continue;
        bool seen = false;
        for (const auto& handoff : conversation.handoffs) {
            if (handoff.transaction <= message.stored) {
                seen = handoff.to_human;
            } else if (handoff.transaction <= message.claimed) {
                seen = seen || handoff.to_human;
            }
        }
        if (seen) out.push_back("answered although a human had seen it: " + message.text);
    }
}

// Receipts move forward only.
void check_receipts(const SimWorld& world, const SimTenant& tenant, SimProblems& out) {
    for (const auto& bubble : world.provider.bubbles) {
        const SimReply* reply = find_reply(tenant, bubble.reply());
        const auto told = world.receipts.find(bubble.provider_id);
        if (!reply || told == world.receipts.end()) continue;
        const SimDelivery* delivery = find_delivery(*reply, bubble.tag.attempt);
        if (!delivery || delivery->receipt == *told->second.rbegin()) continue;
        out.push_back("its receipt went back or missing: " + bubble.text);
    }
}

}  // namespace

void check_books(const SimWorld& world, SimProblems& out) {
    const FirstPlaces places = first_places(world);
    for (const auto& said : world.said) check_said(world, said, out);
    check_order_of_said(world, out);
    for (const auto& [id, tenant] : world.database.tenants) {
        for (const auto& [conversation_id, conversation] : tenant.conversations) {
            for (const auto& message : conversation.messages) {
                if (message.opens_turn()) check_message(world, tenant, conversation, message, out);
            }
            check_sequence(places, conversation, out);
            check_echoes(conversation, out);
            check_watermark(conversation, out);
        }
        check_answers(world, tenant, out);
        check_receipts(world, tenant, out);
    }
}

SimBooks count_ends(const SimWorld& world) {
    SimBooks books;
    for (const auto& [id, tenant] : world.database.tenants) {
        for (const auto& [conversation_id, conversation] : tenant.conversations) {
            for (const auto& message : conversation.messages) {
                if (!message.opens_turn()) continue;
                const std::string end = end_of(tenant, conversation, message);
                ++books[end.empty() ? "lost" : end];
            }
        }
        for (const auto& [reply_id, reply] : tenant.replies) {
            if (reply.status == SimReply::Status::unknown) ++books["bubbles unknown"];
            if (reply.status == SimReply::Status::sent) ++books["bubbles sent"];
        }
    }
    const auto& letters = world.database.dead_letters;
    if (!letters.empty()) books["dead"] += letters.size();
    return books;
}

}  // namespace relevo
