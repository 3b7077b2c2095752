#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/record.hpp"
#include "kafka/settings.hpp"

namespace relevo {

/// A record's place in the log.
struct LogPlace {
    std::string topic;
    std::int32_t partition = 0;
    Offset offset;
};

/// Reads what is in the log where it is told to. It is in no group: it joins none, commits nothing, and
/// nobody who consumes notices it. Blocks. Throws Failure "kafka.unavailable" (transient).
class LogReader {
  public:
    explicit LogReader(const KafkaSettings& settings, Millis deadline = Millis{10'000});
    ~LogReader();

    /// From the first record appended at `from` or later up to the first at `to` or later, without that one.
    struct Range {
        Offset from;
        Offset to;
    };
    std::map<std::int32_t, Range> find_ranges(const std::string& topic, SysTime from, SysTime to);
    /// The range's records in their order, until `take` says no; false then. `take` may keep them.
    bool read(const std::string& topic, std::int32_t partition, Range range,
              const std::function<bool(Envelope)>& take);
    /// When the record at each place, or the next one after it, was appended; nothing where it did not come
    /// within `patience`, or there is none.
    std::vector<std::optional<SysTime>> append_times(const std::vector<LogPlace>& places,
                                                     Millis patience = Millis{2'000});

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace relevo
