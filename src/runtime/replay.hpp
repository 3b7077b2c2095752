#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/record.hpp"
#include "runtime/pipeline.hpp"

namespace relevo {

// `relevo replay TOPIC`: old records, given to their stage again, to see what it makes of them. Nothing is
// produced, sent or stored.

struct StageReplay {
    const StageSpec& stage;  ///< its input is read
    SysTime from;            ///< by the time at which the log took the records
    SysTime to;
    std::string key;   ///< only this one's; empty: all
    std::string shop;  ///< only this one's, by its slug; empty: all
};

/// What the stage asked for, and what nobody did.
struct ReplayedEffect {
    std::string what;    ///< the database operation ("claim_reply"), "send whatsapp", "model openai", "bury"
    std::string detail;  ///< JSON; may hold message text
};

/// One piece of work: a record, or a burst.
struct ReplayedWork {
    struct Place {
        std::int32_t partition = 0;
        Offset offset;
        std::string key;
        std::string id;
        SysTime appended;
        std::string value;  ///< may hold message text
    };
    std::vector<Place> records;
    std::string outcome;          ///< emit, drop, park, or failure
    std::string reason;           ///< of a drop or park; a failure's code
    std::string text;             ///< of a failure
    bool retried = false;         ///< a failure that a worker would try again
    std::vector<Record> emitted;  ///< also what follows a failure that is final, beside its dead letter
    std::optional<SysTime> due;   ///< of a park
    std::vector<ReplayedEffect> effects;
};

/// False: it is enough.
using TellReplayed = std::function<bool(const ReplayedWork&)>;

}  // namespace relevo
