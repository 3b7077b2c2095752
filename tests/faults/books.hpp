#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace relevo::faults {

// What is known at the end: from the customers and the provider, who stand outside, and from the database.

/// A part of a webhook that was answered with 200, so that nobody will send it again.
struct Said {
    /// `stray` names an account that no shop has; `strange` has no shape that we know
    enum class Kind { message, reaction, echo, strange, stray } kind = Kind::message;
    std::string event;   ///< the provider's id, unique
    std::string person;  ///< account and customer; what one person says is in the order of this list
    std::string text;
};

/// A bubble that the provider accepted, in the order of acceptance.
struct Bubble {
    std::string person;
    std::string text;
    std::string reply;
};

struct MessageRow {
    std::string event;
    std::string conversation;
    std::int64_t seq = 0;
    std::string turn;  ///< "" where none claimed it
};
struct ConversationRow {
    std::string id;
    std::int64_t handled_seq = 0;
};
struct TurnRow {
    std::string id;
    std::string status;
    std::string reason;
    std::string superseded_by;
};
struct ReplyRow {
    std::string id;
    std::string conversation;
    std::string turn;
    std::string text;
    std::string status;
    std::string reason;
    std::int64_t order_seq = 0;
    std::int64_t order_index = 0;
    bool was_unknown = false;  ///< some attempt of it ended without an answer
};
struct LetterRow {
    std::string stage;
    std::string code;
    std::string value;
};

struct Rows {
    std::vector<MessageRow> messages;
    std::vector<ConversationRow> conversations;
    std::vector<TurnRow> turns;
    std::vector<ReplyRow> replies;
    std::vector<LetterRow> letters;
    std::vector<std::string> archived;  ///< events
};

struct Books {
    std::int64_t accepted = 0;
    // each accepted part is one of these
    std::int64_t answered = 0;
    std::int64_t human_handled = 0;
    std::int64_t superseded = 0;  ///< answered by a later turn, which counts too
    std::map<std::string, std::int64_t> dropped;
    std::int64_t dead = 0;
    std::int64_t lost = 0;
    // bubbles
    std::int64_t bubbles = 0;
    std::int64_t unknown = 0;  ///< nobody knows whether the customer has them, and that is said
    std::int64_t duplicated = 0;
    std::int64_t reordered = 0;
    std::vector<std::string> findings;  ///< which ones, of the last three

    bool balance() const { return lost == 0 && duplicated == 0 && reordered == 0; }
};

/// Counts, and finds what must not be. A model that answers each message "text" with a line "re text" is
/// presumed, and customers who never say the same twice.
Books balance(const std::vector<Said>& said, const std::vector<Bubble>& bubbles, const Rows& rows);

}  // namespace relevo::faults
