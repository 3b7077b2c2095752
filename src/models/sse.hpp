#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace relevo {

/// Server-sent events (WHATWG HTML, 9.2.6) out of bytes that may be cut anywhere. Gives the data of each
/// event, its lines joined by line feeds; comments, other fields and events without data are passed over.
class SseParser {
  public:
    /// More than one event may hold is not a stream of events.
    static constexpr std::size_t max_event_bytes = 1 << 20;
    using EventSink = std::function<void(std::string_view data)>;

    explicit SseParser(EventSink on_event) : on_event_(std::move(on_event)) {}

    /// False once an event was larger than max_event_bytes: the rest of the stream means nothing.
    bool feed(std::string_view bytes);
    /// The stream ended. Servers that close without the last blank line still meant their last event.
    void finish();

  private:
    void end_line();
    void dispatch();

    EventSink on_event_;
    std::string line_;
    std::string data_;
    bool has_data_ = false;
    bool after_carriage_return_ = false;
    bool first_line_ = true;
    bool too_large_ = false;
};

}  // namespace relevo
