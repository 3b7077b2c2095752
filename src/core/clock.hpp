#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/task.hpp"

namespace relevo {

/// Wall-clock time with millisecond resolution: what Kafka, PostgreSQL and JSON carry.
using SysTime = std::chrono::sys_time<Millis>;

/// The only source of time. `sleep_until` resumes on the caller's executor and can be cancelled.
class Clock {
  public:
    virtual ~Clock() = default;
    virtual SysTime now() const = 0;
    virtual Task<void> sleep_until(SysTime when) = 0;
};

/// The operating system's clock.
class SystemClock final : public Clock {
  public:
    SysTime now() const override;
    Task<void> sleep_until(SysTime when) override;
};

/// Milliseconds since 1970-01-01 UTC.
std::int64_t to_millis(SysTime time);
SysTime from_millis(std::int64_t millis);
/// ISO 8601 in UTC with milliseconds: 2026-11-21T12:00:00.000Z.
std::string to_iso8601(SysTime time);
/// The inverse of to_iso8601; nothing for any other form.
std::optional<SysTime> from_iso8601(std::string_view text);

}  // namespace relevo
