#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <variant>

namespace relevo {

/// One named value of a log line. Never a message's text, never a secret.
struct LogField {
    template <std::integral T>
    LogField(std::string_view key, T value) : key(key), value(static_cast<std::int64_t>(value)) {}
    LogField(std::string_view key, bool value) : key(key), value(value) {}
    LogField(std::string_view key, double value) : key(key), value(value) {}
    template <std::convertible_to<std::string_view> T>
    LogField(std::string_view key, const T& value) : key(key), value(std::string_view(value)) {}

    std::string_view key;
    std::variant<std::string_view, std::int64_t, double, bool> value;
};

/// error: an operator must act; warn: something failed and was recovered from. off: nothing is written.
enum class LogLevel { debug, info, warn, error, off };

/// Writes one JSON object on one line to standard error: {"time":…,"level":…,"event":…, fields…}.
void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

inline void log_info(std::string_view event, std::initializer_list<LogField> fields = {}) {
    log(LogLevel::info, event, fields);
}
inline void log_warn(std::string_view event, std::initializer_list<LogField> fields = {}) {
    log(LogLevel::warn, event, fields);
}
inline void log_error(std::string_view event, std::initializer_list<LogField> fields = {}) {
    log(LogLevel::error, event, fields);
}

/// Lines below this are not written.
void set_log_level(LogLevel level);

}  // namespace relevo
