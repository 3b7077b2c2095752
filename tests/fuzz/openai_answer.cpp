#include "models/openai_answer.hpp"

#include <vector>

#include "core/utf8.hpp"
#include "tests/fuzz/target.hpp"

using namespace relevo;
using namespace relevo::fuzz;

namespace {

const std::string key = "sk-fuzzed-0123456789";

struct Outcome {
    std::string streamed;
    std::string text;
    std::string error;
    bool operator==(const Outcome&) const = default;
};

/// `cut`: the bytes arrive in parts of that size; 0: at once.
Outcome answer_of(std::string_view bytes, std::size_t cut) {
    Outcome outcome;
    OpenAiAnswer answer([&](std::string_view delta) { outcome.streamed += delta; });
    while (!bytes.empty()) {
        const auto part = bytes.substr(0, cut == 0 ? bytes.size() : cut);
        answer.feed(part);
        bytes.remove_prefix(part.size());
    }
    const auto completion = answer.finish("models.test", key);
    if (completion) {
        outcome.text = completion->text;
        require(!completion->finish_reason.empty(), "an answer says why it ended");
        require(outcome.streamed == outcome.text, "what was streamed is the answer");
        require(clean_utf8(outcome.text) == outcome.text, "an answer can be stored");
    } else {
        outcome.error = completion.error().code + completion.error().text;
        require(completion.error().code.starts_with("model."), "an error has a code");
        require(outcome.error.find(key) == std::string::npos, "an error does not tell the key");
    }
    return outcome;
}

std::vector<std::string> events_of(std::string_view bytes, std::size_t cut) {
    std::vector<std::string> events;
    SseParser parser([&](std::string_view data) {
        require(!data.empty(), "an event has data");
        require(data.find('\r') == std::string_view::npos, "a line ends at a carriage return");
        events.emplace_back(data);
    });
    while (!bytes.empty()) {
        const auto part = bytes.substr(0, cut == 0 ? bytes.size() : cut);
        parser.feed(part);
        bytes.remove_prefix(part.size());
    }
    parser.finish();
    return events;
}

}  // namespace

/// How the bytes are cut, and a provider's answer.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(text_of(data, size));
    const std::size_t cut = 1 + input.below(64);
    const auto bytes = input.rest();
    require(answer_of(bytes, 0) == answer_of(bytes, cut),
            "an answer does not depend on how its bytes were cut");
    require(events_of(bytes, 0) == events_of(bytes, cut), "events do not depend on how their bytes were cut");
    if (const auto fault = read_openai_fault(bytes)) {
        const auto error =
            openai_error("models.test", 400, *fault, read_retry_after({{"Retry-After", fault->code}}), key);
        require(error.text.find(key) == std::string::npos, "an error does not tell the key");
        require(!error.retry_after || *error.retry_after >= Millis{0}, "a pause is no time travel");
    }
    return 0;
}
