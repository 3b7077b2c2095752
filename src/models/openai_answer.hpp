#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "domain/model.hpp"
#include "models/openai_errors.hpp"
#include "models/sse.hpp"

namespace relevo {

/// An OpenAI-compatible answer out of the response's bytes: a stream of chunks, or one JSON body from servers
/// that do not stream. Does no I/O; gives the text to the sink as it comes.
class OpenAiAnswer {
  public:
    explicit OpenAiAnswer(DeltaSink delta);
    OpenAiAnswer(const OpenAiAnswer&) = delete;
    OpenAiAnswer& operator=(const OpenAiAnswer&) = delete;

    void feed(std::string_view bytes);
    /// After the last byte, once. Usage is `reported` or zero.
    /// Errors: those of openai_error for a fault inside the stream, model.refused for a refusal,
    /// model.broken_stream for a stream that ended before its answer did.
    Result<Completion> finish(std::string_view host, const std::string& key);
    /// Whether the answer is whole: what happens to the connection after that does not matter.
    bool complete() const { return done_ || !completion_.finish_reason.empty(); }
    bool started() const { return shape_ != Shape::unknown; }

  private:
    enum class Shape { unknown, events, body };

    void take(std::string_view json, const char* message_field);

    DeltaSink delta_;
    Shape shape_ = Shape::unknown;
    SseParser events_;
    std::string body_;
    Completion completion_;
    std::string refusal_;
    std::optional<OpenAiFault> fault_;
    std::string malformed_;
    bool done_ = false;
};

}  // namespace relevo
