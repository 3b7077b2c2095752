#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/ids.hpp"
#include "domain/model.hpp"
#include "domain/money.hpp"
#include "domain/stores.hpp"

namespace relevo {

// `relevo replay --conversation`: stored turns, asked of a model again, and what differs.

/// A call of a tool, as it was recorded.
struct ToolUse {
    std::string tool;
    std::string arguments;  ///< JSON
    std::string result;     ///< JSON, or ""
    std::string status;     ///< done, failed, unknown, started
    bool operator==(const ToolUse&) const = default;
};

/// A turn as it was frozen, and how it was answered.
struct StoredTurn {
    TenantId tenant;
    std::string shop;  ///< its slug
    TurnId turn;
    ConversationId conversation;
    SysTime created;
    int agent_version = 0;  ///< of `inference`
    Inference inference;
    std::vector<Completion> steps;  ///< at least one; the last is the answer
    std::vector<ToolUse> tools;
    Cost cost{};  ///< of all its calls, those in vain too
};

/// Which turns, and what is to be different.
struct TurnReplay {
    std::optional<ConversationId> conversation{};  ///< none: of all
    std::string shop{};                            ///< its slug; empty: all
    int last = 100;                                ///< the newest
    std::optional<int> agent_version{};            ///< none: the one that was frozen
    std::optional<std::string> prompt{};
    std::optional<std::string> model{};
    std::optional<std::string> provider{};
    std::size_t parallel = 4;  ///< model calls at the same time
};

/// One side of a comparison.
struct TurnAnswer {
    std::string provider;
    std::string model;
    std::string text;
    std::string finish_reason;
    std::vector<ToolUse> tools;
    Usage usage;  ///< of all steps
    Cost cost{};  ///< before: of all calls; after: of the one, at the prices that hold now
};

struct ReplayedTurn {
    std::string shop;
    ConversationId conversation;
    TurnId turn;
    SysTime created;
    int agent_version = 0;
    std::string question;
    TurnAnswer before;
    TurnAnswer after;
    std::optional<Error> failed{};  ///< then `after` is empty
    /// What differs: "answer", "tool calls", "finish reason"; "tool results" where the new answer asks for
    /// tools whose results nobody recorded. Empty: the same.
    std::vector<std::string> differences{};
};

/// The turn's frozen inference with what is to be different.
Inference changed(Inference inference, const TurnReplay& replay);

/// What the turn was answered with, and what it is answered with now: side by side. A replay asks for one
/// step; it is compared with the answer that the recorded steps led to.
ReplayedTurn compare(const StoredTurn& stored, const Inference& asked, const Result<Completion>& answer);

/// Called after each turn, with how many there are in all.
using TellTurn = std::function<void(ReplayedTurn turn, std::size_t all)>;

}  // namespace relevo
