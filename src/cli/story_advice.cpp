#include <fmt/format.h>

#include <algorithm>

#include "cli/moments.hpp"
#include "cli/story_text.hpp"

namespace relevo {
namespace {

std::string retry(const Standing& s) {
    return fmt::format("relevo dead retry {} --yes", s.letter);
}

std::string for_letter(const Story& story, const Standing& s) {
    if (s.code == "resolve.unknown_account") {
        return fmt::format(
            "no shop has {} account {}: add it to the shop's file and relevo shops apply it; what came in "
            "for it is then redriven by itself",
            story.channel, story.account);
    }
    if (s.code == "resolve.foreign_account") {
        return fmt::format(
            "the webhook came through an address that does not speak for this account ({}): give the "
            "provider the account's own address (relevo shops list), and relevo dead drop {} --reason …",
            s.text, s.letter);
    }
    if (s.code == "record.malformed") {
        return fmt::format(
            "the record cannot be read ({}): relevo dead show {} --show-text, relevo dead edit {}, then {}",
            s.text, s.letter, s.letter, retry(s));
    }
    return fmt::format("mend what the letter says ({}), then {}", s.text.empty() ? s.code : s.text, retry(s));
}

std::string for_stage(const Standing& s, const std::vector<StageLag>& lags) {
    // What a stage waits for may still be with the one before it.
    const auto here = std::ranges::find(lags, s.waits_at, &StageLag::stage);
    if (here != lags.end() && (here->behind > 0 || here->held > 0)) {
        return fmt::format("{} is {} behind and holds {}: see relevo lag", s.waits_at,
                           human_count(here->behind), human_count(here->held));
    }
    return fmt::format("the stages before {} still have records: see relevo lag", s.waits_at);
}

// Empty where somebody does, or nobody knows.
std::string for_workers(const Standing& s, const std::vector<StageLag>& lags) {
    const auto here = std::ranges::find(lags, s.waits_at, &StageLag::stage);
    if (here == lags.end() || here->workers != 0) return {};
    return fmt::format("nobody works on {}: relevo run {}", s.waits_at, s.waits_at);
}

std::string for_provider(const Standing& s) {
    const std::string said = fmt::format("{}{}", s.code, s.text.empty() ? "" : " (" + s.text + ")");
    if (s.code.ends_with(".bad_token")) {
        return fmt::format(
            "the token was refused: {}; put the new one into the shop's file and relevo shops apply it",
            said);
    }
    return "the provider said " + said;
}

std::string for_pause(const Pause& pause) {
    return fmt::format("paused by {} since {}{}; relevo resume {}{}", pause.by, to_iso8601(pause.since),
                       pause.reason.empty() ? "" : " (" + pause.reason + ")", pause.stage,
                       pause.shop.empty() ? "" : " --tenant " + pause.shop);
}

}  // namespace

std::string next_step(const Story& story, const std::vector<StageLag>& lags, SysTime now) {
    const Standing& s = story.standing;
    if (s.ended == "dead") return for_letter(story, s);
    if (s.ended == "human")
        return story.human ? "a human has the conversation: it is theirs to answer or to give back" : "";
    if (s.ended == "dropped") return s.code.empty() ? "" : for_provider(s);
    if (s.ended == "open" && s.pause) return for_pause(*s.pause);
    if (s.ended == "open") {
        if (auto advice = for_workers(s, lags); !advice.empty()) return advice;
    }
    if (s.ended == "open" && s.until) {
        const std::string wait = *s.until > now
                                     ? fmt::format("it goes on by itself in {}", human_span(*s.until - now))
                                     : std::string("it is due: relevo lag shows whether wake runs");
        return s.code.empty() ? wait : for_provider(s) + "; " + wait;
    }
    if (s.ended == "open" && !s.code.empty()) return for_provider(s);
    if (s.ended == "open" && s.reason == "in the log") return for_stage(s, lags);
    if (s.ended == "open")
        return fmt::format("nothing yet: it is younger than {}", human_span(in_flight_bound));
    if (s.ended == "unexplained") {
        return fmt::format(
            "no record, timer or dead letter of it is left. The customer's next message is answered with it; "
            "look for its trace in the logs, and see relevo audit for others",
            s.waits_at);
    }
    return {};
}

}  // namespace relevo
