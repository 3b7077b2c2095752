#include "models/openai_answer.hpp"

#include <fmt/format.h>
#include <rapidjson/document.h>

#include "core/utf8.hpp"

namespace relevo {
namespace {

// A few hundred times the longest answer: more than this is no answer.
constexpr std::size_t max_body_bytes = 4 << 20;

const rapidjson::Value* member(const rapidjson::Value& object, const char* name) {
    const auto found = object.FindMember(name);
    return found == object.MemberEnd() || found->value.IsNull() ? nullptr : &found->value;
}

std::string_view text(const rapidjson::Value& object, const char* name) {
    const auto* value = member(object, name);
    if (value == nullptr || !value->IsString()) return {};
    return {value->GetString(), value->GetStringLength()};
}

std::int64_t count(const rapidjson::Value& object, const char* name) {
    const auto* value = member(object, name);
    return value != nullptr && value->IsInt64() ? value->GetInt64() : 0;
}

// platform.openai.com/docs/guides/prompt-caching
// api-docs.deepseek.com/guides/kv_cache has a name of its own
std::int64_t cached_tokens(const rapidjson::Value& usage) {
    const auto* details = member(usage, "prompt_tokens_details");
    if (details != nullptr && details->IsObject()) return count(*details, "cached_tokens");
    return count(usage, "prompt_cache_hit_tokens");
}

}  // namespace

OpenAiAnswer::OpenAiAnswer(DeltaSink delta)
    : delta_(std::move(delta)), events_([this](std::string_view data) {
          if (data == "[DONE]") {
              done_ = true;
          } else if (!done_) {
              take(data, "delta");
          }
      }) {}

void OpenAiAnswer::feed(std::string_view bytes) {
    if (shape_ == Shape::unknown) {
        const auto first = bytes.find_first_not_of(" \t\r\n");
        if (first == std::string_view::npos) return;
        // No line of an event stream begins with a brace or a bracket.
        shape_ = bytes[first] == '{' || bytes[first] == '[' ? Shape::body : Shape::events;
    }
    if (shape_ == Shape::events) {
        if (!events_.feed(bytes)) malformed_ = "sent an event that is too large";
    } else if (body_.size() + bytes.size() > max_body_bytes) {
        malformed_ = "sent a body that is too large";
    } else {
        body_ += bytes;
    }
}

void OpenAiAnswer::take(std::string_view json, const char* message_field) {
    rapidjson::Document chunk;
    const auto clean = clean_json_escapes(json);
    chunk.Parse<rapidjson::kParseIterativeFlag>(clean.data(), clean.size());
    if (chunk.HasParseError() || !chunk.IsObject()) {
        fault_ = chunk.HasParseError() ? fault_ : read_openai_fault(clean);
        if (!fault_) malformed_ = "sent a part that is not a JSON object";
        return;
    }
    if (member(chunk, "error") != nullptr || text(chunk, "object") == "error") {
        fault_ = read_openai_fault(clean).value_or(OpenAiFault{});
        return;
    }
    if (completion_.model.empty()) completion_.model = text(chunk, "model");
    if (completion_.response_id.empty()) completion_.response_id = text(chunk, "id");
    if (const auto* usage = member(chunk, "usage"); usage != nullptr && usage->IsObject()) {
        completion_.usage = {count(*usage, "prompt_tokens"), count(*usage, "completion_tokens"), true,
                             cached_tokens(*usage)};
    }
    const auto* choices = member(chunk, "choices");  // null or empty in the chunk that brings the usage
    if (choices == nullptr || !choices->IsArray() || choices->Empty() || !(*choices)[0].IsObject()) return;
    const auto& choice = (*choices)[0];
    if (const auto reason = text(choice, "finish_reason"); !reason.empty())
        completion_.finish_reason = reason;
    const auto* message = member(choice, message_field);
    if (message == nullptr || !message->IsObject()) return;
    refusal_ += text(*message, "refusal");
    const auto content = clean_utf8(text(*message, "content"));
    if (content.empty()) return;
    completion_.text += content;
    if (delta_) delta_(content);
}

Result<Completion> OpenAiAnswer::finish(std::string_view host, const std::string& key) {
    events_.finish();
    if (shape_ == Shape::body) {
        take(body_, "message");
        done_ = !completion_.text.empty();
    }
    if (fault_) return openai_error(host, 0, *fault_, std::nullopt, key);
    if (!malformed_.empty()) {
        return Error{Fault::transient, "model.broken_stream", fmt::format("{} {}", host, malformed_)};
    }
    if (!refusal_.empty()) {
        return Error{Fault::permanent, "model.refused", fmt::format("{} refused to answer", host)};
    }
    if (!complete()) {
        return Error{Fault::transient, "model.broken_stream",
                     fmt::format("{} ended its answer before it was whole", host)};
    }
    if (completion_.finish_reason.empty()) completion_.finish_reason = "stop";
    if (completion_.finish_reason == "content_filter" && completion_.text.empty()) {
        return Error{Fault::permanent, "model.refused", fmt::format("{} filtered the whole answer", host)};
    }
    return std::move(completion_);
}

}  // namespace relevo
