#include "models/openai.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "core/json_object.hpp"
#include "core/utf8.hpp"
#include "models/openai_answer.hpp"
#include "models/openai_errors.hpp"

namespace relevo {
namespace {

constexpr std::size_t max_response_bytes = 4 << 20;
// Each parameter that a server may not know costs one attempt.
constexpr int max_attempts = 5;
// HTTP measures the deadline with another clock than ours.
constexpr Millis clock_slack{50};

// The parameters in which servers and models differ. A refusal that names one leads to a request without it.
struct Dialect {
    bool temperature = true;
    bool stream_options = true;
    std::vector<std::string_view> limits;  // names of the answer's limit: the first is tried, if any is left

    bool give_up(std::string_view param) {
        if (param == "temperature") return std::exchange(temperature, false);
        if (param == "stream_options") return std::exchange(stream_options, false);
        if (limits.empty() || param != limits.front()) return false;
        limits.erase(limits.begin());
        return true;
    }
};

std::string_view name(PromptMessage::Role role) {
    switch (role) {
        case PromptMessage::Role::system:
            return "system";
        case PromptMessage::Role::user:
            return "user";
        case PromptMessage::Role::assistant:
            return "assistant";
    }
    return "user";
}

std::string request_body(const Prompt& prompt, const Dialect& dialect) {
    std::vector<std::string> messages;
    for (const auto& message : prompt.messages) {
        messages.push_back(JsonObject().text("role", name(message.role)).text("content", message.text).str());
    }
    JsonObject body;
    body.text("model", prompt.model).raw("messages", json_array(messages));
    if (dialect.temperature) body.real("temperature", prompt.temperature);
    if (!dialect.limits.empty()) body.number(dialect.limits.front(), prompt.max_output_tokens);
    body.flag("stream", true);
    if (dialect.stream_options) body.raw("stream_options", JsonObject().flag("include_usage", true).str());
    return body.str();
}

// `error` is what the provider says of the last name that the limit has.
Error unbounded(Error error) {
    error.code = "model.unbounded";
    error.text +=
        "; it refuses every limit of its answer's length, and a hard budget counts on one: name another "
        "model, or take the hard limit away";
    return error;
}

// Where a provider tells no usage: about four characters a token in the languages of our shops.
Usage estimate(const Prompt& prompt, const Completion& completion) {
    std::size_t asked = 0;
    for (const auto& message : prompt.messages) asked += count_code_points(message.text);
    return {static_cast<std::int64_t>((asked + 3) / 4),
            static_cast<std::int64_t>((count_code_points(completion.text) + 3) / 4), false};
}

}  // namespace

OpenAiProvider::OpenAiProvider(std::string base_url, HttpClient& http, Clock& clock)
    : base_url_(std::move(base_url)), http_(http), clock_(clock) {}

std::string OpenAiProvider::base_of(std::string_view stated) const {
    std::string base(stated.empty() ? base_url_ : stated);
    while (base.ends_with('/')) base.pop_back();
    return base;
}

Task<Result<Completion>> OpenAiProvider::complete(Prompt prompt, DeltaSink delta) {
    const std::string base = base_of(prompt.base_url);
    const std::string host = host_of(base);
    const std::string& key = prompt.key.reveal();
    const SysTime until = clock_.now() + prompt.deadline;
    Dialect dialect;
    // OpenAI's newer models refuse max_tokens, and other servers do not know its new name.
    const bool newer = prompt.base_url.empty() || host == "api.openai.com";
    dialect.limits = {"max_tokens", "max_completion_tokens"};
    if (newer) std::swap(dialect.limits.front(), dialect.limits.back());

    for (int attempt = 1;; ++attempt) {
        HttpCall call;
        call.url = base + "/chat/completions";
        call.headers = {{"content-type", "application/json"},
                        {"accept", "text/event-stream, application/json"}};
        if (!key.empty()) authorize(call, prompt.key);
        call.body = request_body(prompt, dialect);
        call.deadline = until - clock_.now();
        call.max_response_bytes = max_response_bytes;
        call.chosen_by = prompt.base_url.empty() ? ChosenBy::installation : ChosenBy::tenant;
        if (call.deadline <= Millis{0}) {
            co_return Error{Fault::transient, "model.timeout", fmt::format("{} took too long", host)};
        }

        OpenAiAnswer answer(delta);
        BodySink sink = [&answer](std::string_view part) { answer.feed(part); };
        auto response = co_await http_.send(std::move(call), std::move(sink));
        if (response.has_error() && !answer.complete()) {
            co_return network_error(host, response.error(), clock_.now() + clock_slack >= until,
                                    answer.started());
        }
        if (response.has_value() && response->status / 100 != 2) {
            const auto fault = read_openai_fault(response->body).value_or(OpenAiFault{});
            const bool other =
                response->status == 400 && attempt < max_attempts && dialect.give_up(fault.param);
            const bool unlimited = prompt.bounded && dialect.limits.empty();
            if (other && !unlimited) continue;
            Error error =
                openai_error(host, response->status, fault, read_retry_after(response->headers), key);
            error.text = without_quotes(error.text, prompt.messages);
            if (unlimited) error = unbounded(std::move(error));
            co_return error;
        }
        auto completion = answer.finish(host, key);
        if (completion.has_error()) {
            Error error = completion.error();
            error.text = without_quotes(error.text, prompt.messages);
            co_return error;
        }
        if (completion.has_value() && !completion->usage.reported) {
            completion->usage = estimate(prompt, *completion);
        }
        if (completion.has_value() && completion->model.empty()) completion->model = prompt.model;
        co_return completion;
    }
}

}  // namespace relevo
