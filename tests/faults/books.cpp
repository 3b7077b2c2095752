#include "tests/faults/books.hpp"

#include <fmt/format.h>

#include <set>
#include <unordered_map>

namespace relevo::faults {
namespace {

template <class Row>
using ById = std::unordered_map<std::string, const Row*>;

// Short bubbles may have been joined: a line stands alone or among others.
bool has_line(const std::string& text, const std::string& line) {
    return ("\n" + text + "\n").find("\n" + line + "\n") != std::string::npos;
}

class Auditor {
  public:
    Auditor(const std::vector<Said>& said, const std::vector<Bubble>& bubbles, const Rows& rows)
        : said_(said), bubbles_(bubbles), rows_(rows) {
        for (const auto& row : rows.messages) messages_[row.event] = &row;
        for (const auto& row : rows.conversations) conversations_[row.id] = &row;
        for (const auto& row : rows.turns) turns_[row.id] = &row;
        for (const auto& row : rows.replies) {
            replies_[row.id] = &row;
            replies_of_[row.turn].push_back(&row);
        }
        for (const auto& bubble : bubbles) ++sent_[bubble.reply];
        archived_.insert(rows.archived.begin(), rows.archived.end());
    }

    Books audit() {
        books_.accepted = static_cast<std::int64_t>(said_.size());
        books_.bubbles = static_cast<std::int64_t>(bubbles_.size());
        for (const auto& it : said_) follow(it);
        check_places();
        check_bubbles();
        check_replies();
        return std::move(books_);
    }

  private:
    void find(std::int64_t& count, std::string what) {
        ++count;
        books_.findings.push_back(std::move(what));
    }
    void lose(const Said& said, const std::string& why) {
        find(books_.lost, fmt::format("lost: {} of {}: {}", said.event, said.person, why));
    }

    void follow(const Said& said) {
        switch (said.kind) {
            case Said::Kind::message:
                return follow_message(said);
            case Said::Kind::reaction:
            case Said::Kind::echo:
                if (!messages_.contains(said.event)) return lose(said, "was never stored");
                ++books_.dropped[said.kind == Said::Kind::echo ? "owner's echo" : "reaction"];
                return;
            case Said::Kind::strange:
                if (!archived_.contains(said.event)) return lose(said, "was never archived");
                ++books_.dropped["archived"];
                return;
            case Said::Kind::stray:
                for (const auto& letter : rows_.letters) {
                    if (letter.value.find(said.event) == std::string::npos) continue;
                    ++books_.dead;
                    return;
                }
                return lose(said, "has no dead letter");
        }
    }

    void follow_message(const Said& said) {
        const auto found = messages_.find(said.event);
        if (found == messages_.end()) return lose(said, "was never stored");
        const MessageRow& message = *found->second;
        if (message.turn.empty()) {
            const auto conversation = conversations_.find(message.conversation);
            const bool human =
                conversation != conversations_.end() && message.seq <= conversation->second->handled_seq;
            if (!human) return lose(said, "no turn claimed it");
            ++books_.human_handled;
            return;
        }
        const TurnRow* turn = find_turn(message.turn);
        std::int64_t answers = 1;
        while (turn && turn->status == "superseded" && answers < 1'000) {
            turn = find_turn(turn->superseded_by);
            ++answers;
        }
        check_answers(said, answers);
        if (!turn) return lose(said, "its turn is gone");
        if (turn->status == "dropped" && turn->reason == "human") {
            ++books_.human_handled;
        } else if (turn->status == "dropped") {
            ++books_.dropped[turn->reason];
        } else if (turn->status == "failed") {
            ++books_.dead;
        } else if (turn->status != "answered") {
            lose(said, "its turn " + turn->id + " is still " + turn->status);
        } else {
            follow_answer(said, *turn, turn->id != message.turn);
        }
    }

    void follow_answer(const Said& said, const TurnRow& turn, bool superseded) {
        for (const auto* reply : replies_of_[turn.id]) {
            if (!has_line(reply->text, "re " + said.text)) continue;
            if (reply->status == "dropped" && reply->reason == "human") {
                ++books_.human_handled;
            } else if (reply->status == "sent" || reply->status == "unknown") {
                ++(superseded ? books_.superseded : books_.answered);
            } else if (reply->status == "failed") {
                ++books_.dropped["refused by the provider"];
            } else {
                lose(said, fmt::format("its answer {} is {} {}", reply->id, reply->status, reply->reason));
            }
            return;
        }
        lose(said, "the answer of turn " + turn.id + " leaves it out");
    }

    const TurnRow* find_turn(const std::string& id) const {
        const auto found = turns_.find(id);
        return found == turns_.end() ? nullptr : found->second;
    }

    // A turn that was superseded may have said a part of its answer already, and the next one says it again.
    void check_answers(const Said& said, std::int64_t turns) {
        std::int64_t seen = 0;
        for (const auto& bubble : bubbles_of(said.person)) seen += has_line(bubble->text, "re " + said.text);
        if (seen > turns) {
            find(books_.duplicated, fmt::format("duplicated: {} of {} was answered {} times by {} turns",
                                                said.event, said.person, seen, turns));
        }
    }

    const std::vector<const Bubble*>& bubbles_of(const std::string& person) {
        if (bubbles_of_.empty()) {
            for (const auto& bubble : bubbles_) bubbles_of_[bubble.person].push_back(&bubble);
        }
        return bubbles_of_[person];
    }

    // What one person says keeps its order.
    void check_places() {
        std::unordered_map<std::string, std::pair<std::int64_t, std::string>> last;
        for (const auto& said : said_) {
            const auto found = messages_.find(said.event);
            if (found == messages_.end() || said.kind != Said::Kind::message) continue;
            auto& [seq, event] = last[said.person];
            if (found->second->seq < seq) {
                find(books_.reordered,
                     fmt::format("reordered: {} of {} stands before {}, which was said earlier", said.event,
                                 said.person, event));
            }
            seq = found->second->seq;
            event = said.event;
        }
    }

    void check_bubbles() {
        std::unordered_map<std::string, const ReplyRow*> last;
        for (const auto& bubble : bubbles_) {
            const auto found = replies_.find(bubble.reply);
            if (found == replies_.end()) {
                find(books_.duplicated,
                     "duplicated: the provider has a bubble that nobody decided on: reply '" + bubble.reply +
                         "' to " + bubble.person);
                continue;
            }
            const ReplyRow& reply = *found->second;
            const ReplyRow*& before = last[bubble.person];
            if (before && std::pair(reply.order_seq, reply.order_index) <
                              std::pair(before->order_seq, before->order_index)) {
                find(books_.reordered, fmt::format("reordered: bubble {} to {} came after {}", reply.id,
                                                   bubble.person, before->id));
            }
            before = &reply;
        }
    }

    void check_replies() {
        for (const auto& reply : rows_.replies) {
            const auto found = sent_.find(reply.id);
            const std::int64_t sent = found == sent_.end() ? 0 : found->second;
            if (sent > 1) {
                find(books_.duplicated,
                     fmt::format("duplicated: bubble {} was sent {} times", reply.id, sent));
            }
            if (reply.status == "unknown") ++books_.unknown;
            if (reply.status == "sent" && sent == 0) {
                find(books_.lost, "lost: bubble " + reply.id + " is noted as sent, and was not");
            }
            if (reply.status == "dropped" && sent > 0) {
                find(books_.duplicated,
                     "duplicated: bubble " + reply.id + " is noted as dropped, and was sent");
            }
            if (reply.status == "pending") {
                find(books_.lost, "lost: bubble " + reply.id + " still waits to be sent");
            }
        }
    }

    const std::vector<Said>& said_;
    const std::vector<Bubble>& bubbles_;
    const Rows& rows_;
    ById<MessageRow> messages_;
    ById<ConversationRow> conversations_;
    ById<TurnRow> turns_;
    ById<ReplyRow> replies_;
    std::unordered_map<std::string, std::vector<const ReplyRow*>> replies_of_;
    std::unordered_map<std::string, std::vector<const Bubble*>> bubbles_of_;
    std::unordered_map<std::string, std::int64_t> sent_;
    std::set<std::string> archived_;
    Books books_;
};

}  // namespace

Books balance(const std::vector<Said>& said, const std::vector<Bubble>& bubbles, const Rows& rows) {
    return Auditor(said, bubbles, rows).audit();
}

}  // namespace relevo::faults
