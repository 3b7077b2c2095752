#include "models/sse.hpp"

#include <algorithm>
#include <utility>

namespace relevo {

bool SseParser::feed(std::string_view bytes) {
    while (!bytes.empty() && !too_large_) {
        // CR, LF and CR LF each end one line; the two halves of a CR LF may come apart.
        if (after_carriage_return_ && bytes.front() == '\n') bytes.remove_prefix(1);
        after_carriage_return_ = false;
        const auto end = std::min(bytes.find_first_of("\r\n"), bytes.size());
        if (line_.size() + data_.size() + end > max_event_bytes) {
            too_large_ = true;
            break;
        }
        line_ += bytes.substr(0, end);
        bytes.remove_prefix(end);
        if (bytes.empty()) break;
        after_carriage_return_ = bytes.front() == '\r';
        bytes.remove_prefix(1);
        end_line();
    }
    return !too_large_;
}

void SseParser::finish() {
    if (too_large_) return;
    if (!line_.empty()) end_line();
    dispatch();
}

void SseParser::end_line() {
    std::string_view line = line_;
    if (first_line_ && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    first_line_ = false;
    if (line.empty()) {
        dispatch();
    } else if (const auto colon = line.find(':'); line.substr(0, colon) == "data") {
        auto value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
        if (value.starts_with(' ')) value.remove_prefix(1);
        if (has_data_) data_ += '\n';
        data_ += value;
        has_data_ = true;
    }
    line_.clear();
}

void SseParser::dispatch() {
    if (!has_data_) return;
    has_data_ = false;
    const auto data = std::exchange(data_, {});
    if (!data.empty()) on_event_(data);
}

}  // namespace relevo
