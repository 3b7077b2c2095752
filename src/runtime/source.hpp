#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/record.hpp"
#include "core/task.hpp"

namespace relevo {

/// What a group's member is told, in this order for each partition: assigned, records and ends, revoked.
struct Assigned {
    std::vector<std::int32_t> partitions;
};
struct Revoked {
    std::vector<std::int32_t> partitions;
    bool lost = false;  ///< somebody else may have them already: nothing can be committed
};
struct Fetched {
    std::vector<Envelope> records;
};
/// Everything up to now was fetched from this partition: from here on the wall clock tells the time.
struct ReachedEnd {
    std::int32_t partition = 0;
};
/// Nothing happened within the wait.
struct Idle {};
using SourceEvent = std::variant<Assigned, Revoked, Fetched, ReachedEnd, Idle>;

struct Commit {
    std::int32_t partition = 0;
    Offset next;        ///< the first offset to read after a restart
    Offset dispatched;  ///< one past the last record handed to a lane: lag = behind (end - dispatched) + held
};

/// A stage's input: one topic read as a member of one group. Used from its worker's io_context only.
class Source {
  public:
    virtual ~Source() = default;
    /// The next event, within `wait`. With `want_records` false no record is taken, while assignments go on:
    /// what was not asked for stays in the log.
    virtual Task<SourceEvent> next(bool want_records, Millis wait) = 0;
    /// Makes a pending `next` return Idle at once.
    virtual void wake() = 0;
    /// Not awaited in the stream of records: a later commit replaces an earlier one.
    virtual void commit(std::span<const Commit> commits) = 0;
    /// Returns when the commits are durable (or certainly cannot become so); then the partitions are given up.
    virtual Task<void> release(Revoked revoked, std::vector<Commit> commits) = 0;
    /// Leaves the group after the last commits.
    virtual Task<void> close(std::vector<Commit> commits) = 0;
    /// Records after the last dispatched one, over the assigned partitions; for the metric `behind`.
    virtual std::int64_t behind() const = 0;
};

}  // namespace relevo
