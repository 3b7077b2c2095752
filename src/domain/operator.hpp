#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/ids.hpp"
#include "domain/pauses.hpp"

namespace relevo {

// What an operator asks of the installation, over all its shops. The calls block and throw Failure:
// "config.missing" and "operator.refused" (permanent) where the configuration names no role that may do it,
// "postgres.unavailable" (transient), "shop.unknown" (permanent) for a slug. Nothing here holds what people
// wrote, but where it says so.

/// The stages that have records in the log, or hold some: what an open message may be waiting for.
using Lagging = std::vector<std::string>;

// ---- dead letters

struct LetterFilter {
    std::vector<std::int64_t> ids;  ///< empty: all
    std::string stage, code, tenant, topic,
        key;  ///< each: empty: any. `tenant` is a slug, `key` the whole key
    std::optional<SysTime> since, until;
    std::string status = "dead";  ///< dead, redriven, dropped; empty: any
    bool unknown_accounts = false;
};

struct Letter {
    std::int64_t id = 0;
    TenantId tenant;  ///< 0: none, as long as no account is known
    std::string slug;
    std::string stage;
    std::string topic;
    std::int32_t partition = 0;
    std::int64_t offset = 0;
    std::string key;
    std::string code;
    std::string text;
    int attempts = 0;
    SysTime at{};
    std::string status;
    std::optional<SysTime> status_at;
    std::string status_by;
    std::string reason;  ///< of a drop
    std::optional<SysTime> edited_at;
    std::string edited_by;
    std::int64_t bytes = 0;
    std::string about;  ///< what the record speaks of, ids and names, as a JSON object
    std::string traceparent;
    std::optional<SysTime> expires;
    std::int64_t earlier = 0;  ///< dead ones of the same topic and key that were written before it
};

/// An account that no shop has, for which something came in.
struct UnknownAccount {
    std::string channel;
    std::string account;
    std::int64_t letters = 0;
    std::int64_t contacts = 0;
    SysTime first{}, last{};
};

/// A letter that could not be redriven.
struct RefusedLetter {
    std::int64_t id = 0;
    std::string why;
};

class LetterBook {
  public:
    virtual ~LetterBook() = default;
    /// By id, the first `limit` after `after`.
    virtual std::vector<Letter> list(const LetterFilter& filter, std::int64_t after, int limit) = 0;
    virtual std::vector<UnknownAccount> unknown_accounts() = 0;
    /// The record's bytes; needs the role that may read what people wrote.
    virtual std::string value(std::int64_t id) = 0;
    /// Sends letters of one tenant back into their topics, those of a key in the order in which they were
    /// written; `expires` replaces their expiry. They are marked and scheduled at once; `wake` publishes
    /// them.
    virtual std::vector<RefusedLetter> redrive(TenantId tenant, const std::vector<std::int64_t>& ids,
                                               const std::string& by, std::optional<SysTime> expires,
                                               SysTime now) = 0;
    /// Ends letters of one tenant, and what they held open; how many.
    virtual std::int64_t drop(TenantId tenant, const std::vector<std::int64_t>& ids, const std::string& by,
                              const std::string& reason, SysTime now) = 0;
    /// Replaces the record's value; false where the letter is not dead any more.
    virtual bool edit(TenantId tenant, std::int64_t id, const std::string& value, const std::string& by,
                      SysTime now) = 0;
};

// ---- one message's story

/// What a name may mean: a message, a turn, a reply or a dead letter.
struct StoryRef {
    TenantId tenant;
    std::string slug, channel, account;
    std::string conversation;
    std::string kind;  ///< message, turn, reply, letter
    std::string id;
    SysTime at{};
    std::string what;  ///< how it was found
};

/// Something that happened. `facts` by their names, as the sentence of the event wants them.
struct StoryEvent {
    std::optional<SysTime> at;  ///< none: no row has the time; it belongs between its neighbours
    std::string stage;
    std::string event;  ///< "turn.opened"
    std::map<std::string, std::string> facts;
};

struct StorySpan {
    std::string name, id, parent;
    SysTime start{};
    std::optional<SysTime> end;  ///< none: it goes on
    std::string note;
};

/// How it ended: answered, human, superseded, dropped, dead; or open, or unexplained: open, and nothing holds
/// it.
struct Standing {
    std::string ended;
    std::string reason;
    std::string waits_at;  ///< a stage, of an open one
    std::optional<SysTime> since;
    std::optional<SysTime> until;  ///< parked
    std::int64_t letter = 0;       ///< the dead letter that holds it
    std::string code, text;        ///< of that letter, or what the provider said last
    std::optional<Pause> pause{};  ///< that holds an open one
};

struct Story {
    std::string slug, shop, channel, account, conversation, message, event_id, trace;
    bool human = false;  ///< a human has the conversation now
    std::vector<std::string> aliases;
    Standing standing;
    std::vector<StoryEvent> events;
    std::vector<StorySpan> spans;
    std::map<std::string, std::string> texts;  ///< by id; only where the role that may read them was asked
};

class StoryBook {
  public:
    virtual ~StoryBook() = default;
    /// `name` is an id of ours, the provider's, or an alias; of an alias the newest message up to `at`
    /// counts. At most 20, newest first.
    virtual std::vector<StoryRef> find(const std::string& name, SysTime at) = 0;
    /// What is open for less than `bound` counts as in flight.
    virtual Story tell(const StoryRef& which, SysTime now, Millis bound, const Lagging& lagging) = 0;
};

// ---- the books

struct AuditRequest {
    std::string tenant;  ///< a slug; empty: all
    std::optional<SysTime> since;
    SysTime now{};
    Millis bound{};  ///< what is open for less is in flight
    Lagging lagging;
    std::size_t listed = 50;  ///< of the unexplained ones
};

struct Unexplained {
    std::string message;  ///< our id; the provider's, where it never became a row
    std::string slug;
    std::string reason;
    std::optional<SysTime> since;
};

/// How the inbound messages ended: by end, then by reason.
struct Audit {
    std::map<std::string, std::map<std::string, std::int64_t>> counts;
    std::vector<Unexplained> unexplained;  ///< the first of each range
};

class AuditBook {
  public:
    virtual ~AuditBook() = default;
    /// Of one moment. `progress` is told the part that is done, 0 to 1, and what was counted so far.
    virtual Audit audit(const AuditRequest& request,
                        const std::function<void(double done, const Audit& so_far)>& progress) = 0;
};

}  // namespace relevo
