#include <fmt/format.h>

#include <charconv>

#include "cli/moments.hpp"
#include "cli/story_text.hpp"

namespace relevo {
namespace {

// The facts of one event. One that is missing reads as nothing.
class Facts {
  public:
    explicit Facts(const StoryEvent& event) : facts_(event.facts) {}
    std::string operator[](const std::string& name) const {
        const auto found = facts_.find(name);
        return found == facts_.end() ? std::string() : found->second;
    }
    bool has(const std::string& name) const { return !(*this)[name].empty(); }
    std::int64_t number(const std::string& name) const {
        const std::string text = (*this)[name];
        std::int64_t value = 0;
        std::from_chars(text.data(), text.data() + text.size(), value);
        return value;
    }
    std::string if_any(const std::string& name, const std::string& before,
                       const std::string& after = "") const {
        return has(name) ? before + (*this)[name] + after : std::string();
    }
    std::string span(const std::string& name) const {
        return has(name) ? " after " + human_span(Millis{number(name)}) : std::string();
    }
    std::string time(const std::string& name) const {
        return has(name) ? to_iso8601(from_millis(number(name))) : std::string();
    }
    std::string counted(const std::string& name, const std::string& thing) const {
        return fmt::format("{} {}{}", number(name), thing, number(name) == 1 ? "" : "s");
    }

  private:
    const std::map<std::string, std::string>& facts_;
};

std::string of_message(const std::string& event, const Facts& f) {
    if (event == "message.sent") return "sent, by the provider's clock";
    if (event == "message.received") {
        return fmt::format("{} of type {} is in the log{}", f["kind"], f["type"],
                           f.if_any("event_id", ": event "));
    }
    if (event == "message.stored") {
        return fmt::format("stored as number {} of its conversation{}", f["seq"],
                           f["human"] == "true" ? ": a human has it, so no turn" : "");
    }
    return fmt::format("a human wrote (number {}): the agent was silenced, what it had in hand is void",
                       f["seq"]);
}

std::string of_turn(const std::string& event, const Facts& f) {
    if (event == "turn.opened") {
        return fmt::format("turn {} opened of {}, numbers {} to {}{}", f["turn"],
                           f.counted("messages", "message"), f["first_seq"], f["last_seq"],
                           f.if_any("supersedes", "; takes the place of turn "));
    }
    if (event == "turn.answered") return fmt::format("turn answered with {}", f.counted("bubbles", "bubble"));
    if (event == "turn.superseded") {
        return fmt::format("a newer message came before all of it was sent: superseded by turn {}", f["by"]);
    }
    if (event == "turn.failed" && f["reason"] == "agent.closed")
        return "turn ended outside of the agent's business hours: the customer gets its sentence for them";
    if (event == "turn.failed")
        return fmt::format("turn failed ({}): the customer gets the fallback", f["reason"]);
    return fmt::format("turn dropped{}", f["reason"] == "human" ? ": a human took the conversation over"
                                                                : f.if_any("reason", ": "));
}

std::string of_work(const std::string& event, const Facts& f) {
    if (event == "step.frozen") {
        return fmt::format("step {} frozen: agent {} version {}, {}, history up to number {}", f["step"],
                           f["agent"], f["version"], f.counted("passages", "passage"), f["cutoff"]);
    }
    if (event == "step.answered") {
        return fmt::format("step {} answered{}{}{}{}{}{}{}", f["step"], f.span("ms"),
                           f.if_any("model", " by "), f.if_any("provider", " of "),
                           f.if_any("in_vain", ", others asked in vain (", ")"),
                           f.if_any("input_tokens", ", ", " tokens in"),
                           f.if_any("output_tokens", ", ", " out"), f.if_any("finish_reason", ", "));
    }
    return fmt::format("tool {} {}{}{}", f["tool"], f["status"], f.span("ms"),
                       f["writes"] == "true" ? ", it changes something" : "");
}

std::string of_reply(const std::string& event, const Facts& f) {
    const std::string bubble = fmt::format("bubble {}", f.number("index") + 1);
    if (event == "reply.made") return fmt::format("{} of the {}: reply {}", bubble, f["author"], f["reply"]);
    if (event == "reply.claimed") {
        return fmt::format("attempt {} claimed by {}: reply {}", f["attempt"], f["by"], f["reply"]);
    }
    return fmt::format("{} {}{}", bubble, event == "reply.dropped" ? "is not sent" : "failed",
                       f.if_any("reason", ": "));
}

std::string of_delivery(const std::string& event, const Facts& f) {
    const std::string attempt = "attempt " + f["attempt"];
    const std::string said = f.if_any("code", ": ") + f.if_any("text", " (", ")");
    if (event == "delivery.confirmed") {
        return fmt::format("{} accepted{}{}", attempt, f.span("ms"), f.if_any("provider_id", " as "));
    }
    if (event == "delivery.unknown") {
        return fmt::format("{} unknown{}: it may have been sent; it counts as closed from {}", attempt, said,
                           f.time("until"));
    }
    return fmt::format("{} refused{}{}", attempt, said,
                       f.has("until") ? "; again from " + f.time("until") : "");
}

std::string of_letter(const std::string& event, const Facts& f) {
    if (event == "record.parked" && f.has("kept")) {
        return fmt::format("kept until {} is resumed: its record of {}{}", f["kept"], f["topic"],
                           f.if_any("letter", ", redriven letter "));
    }
    if (event == "record.parked") {
        return fmt::format("parked until {} for {}{}", f.time("until"), f["topic"],
                           f.if_any("letter", ", redriven letter "));
    }
    if (event == "record.dead") {
        return fmt::format("dead letter {} of {} after {}: {} ({})", f["letter"], f["topic"],
                           f.counted("attempts", "attempt"), f["code"], f["text"]);
    }
    const std::string done = event.substr(event.find('.') + 1);
    return fmt::format("dead letter {} {} by {}{}", f["letter"], done, f["by"], f.if_any("reason", ": "));
}

}  // namespace

std::string sentence(const StoryEvent& event) {
    const Facts facts(event);
    const std::string area = event.event.substr(0, event.event.find('.'));
    if (area == "message" || area == "human") return of_message(event.event, facts);
    if (area == "turn") return of_turn(event.event, facts);
    if (area == "step" || area == "tool") return of_work(event.event, facts);
    if (area == "reply") return of_reply(event.event, facts);
    if (area == "delivery") return of_delivery(event.event, facts);
    if (area == "receipt") {
        return fmt::format("receipt: {}{}{}", event.event.substr(area.size() + 1), facts.if_any("code", ", "),
                           facts.if_any("text", " (", ")"));
    }
    return of_letter(event.event, facts);
}

}  // namespace relevo
