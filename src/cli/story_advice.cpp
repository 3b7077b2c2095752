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

std::string fact_of(const StoryEvent& event, const std::string& name) {
    const auto found = event.facts.find(name);
    return found == event.facts.end() ? std::string() : found->second;
}

std::string error_of(const Standing& s) {
    return s.code + (s.text.empty() ? "" : " (" + s.text + ")");
}

// Who decided it: codes of a channel begin with its name, a model's with "model", and receipts have the
// provider's own without an area. Every other is ours.
std::string who_said(const Story& story, const Standing& s) {
    const std::string area = s.code.substr(0, s.code.find('.'));
    if (area == story.channel || area == s.code) return "the provider said " + error_of(s);
    if (area == "model") return "the model failed: " + error_of(s);
    return "relevo itself refused it: " + error_of(s);
}

std::string for_refusal(const Story& story, const Standing& s) {
    if (s.code.ends_with(".bad_token")) {
        return fmt::format(
            "the token was refused: {}; put the new one into the shop's file and relevo shops apply it",
            error_of(s));
    }
    return who_said(story, s);
}

// An operator ended it, whatever had stopped it before.
std::string for_given_up(const Story& story, const Standing& s) {
    const std::string letter = std::to_string(s.letter);
    const auto drop = std::ranges::find_if(story.events, [&](const auto& event) {
        return event.event == "letter.dropped" && fact_of(event, "letter") == letter;
    });
    return fmt::format("{} dropped its dead letter {}: nothing is left to do. Before that {}",
                       drop == story.events.end() ? "an operator" : fact_of(*drop, "by"), letter,
                       who_said(story, s));
}

constexpr auto mend_agent =
    "mend the agent in the shop's file (provider, base_url, model), and relevo shops apply it";

// What is done about it.
std::string for_model(const Story& story, const std::string& code) {
    if (code == "model.bad_key" || code.starts_with("vault.")) {
        return fmt::format(
            "see the shop's key: relevo vault list {0}; a new one: relevo vault put {0} "
            "CATEGORY API_KEY < FILE",
            story.slug);
    }
    if (code == "model.quota") return "the shop's account at the provider has nothing left: pay it";
    if (code == "model.unknown_provider" || code == "model.bad_address" || code == "model.bad_request")
        return mend_agent;
    if (code == "model.refused" || code == "model.empty")
        return "where that happens often, change the prompt in the shop's file, and relevo shops apply it";
    if (code == "model.unbounded") {
        return fmt::format(
            "{}; or relevo budgets set {} without --hard: then it is asked without a limit of its tokens",
            mend_agent, story.slug);
    }
    if (code == "budget.exhausted") {
        return fmt::format(
            "what the shop may spend is spent: relevo budgets list shows it, relevo budgets set {} raises it",
            story.slug);
    }
    if (code == "budget.unpriced")
        return "nobody knows what the model costs: add it to the file of prices, and relevo prices apply it";
    if (code.starts_with("model."))
        return "see whether the provider is up; fallbacks in the shop's file name others to ask";
    return "see relevo doctor";
}

// The customer got the shop's fallback sentence instead of an answer.
std::string for_fallback(const Story& story, const Standing& s) {
    if (s.code == "agent.closed") {
        return fmt::format(
            "it came outside of the agent's business hours. {}",
            story.human ? "A human has the conversation" : "Within them the agent answers again");
    }
    return fmt::format(
        "{}: {}; {}{}. {}", s.code.starts_with("model.") ? "the models failed" : "no model answered",
        error_of(s), for_model(story, s.code),
        s.letter == 0 ? "" : fmt::format("; relevo dead show {} tells more", s.letter),
        story.human ? "A human has the conversation" : "The customer's next message is tried anew");
}

// What a shop has given up it may take up again.
std::string for_retired(const Story& story) {
    return fmt::format(
        "shop {} has given {} account {} up. To have it answered again: put it back into the "
        "shop's file, and relevo shops apply it",
        story.slug, story.channel, story.account);
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
    if (s.ended == "answered" && s.reason == "with the fallback") return for_fallback(story, s);
    if (s.ended == "dropped" && s.reason == "account retired") return for_retired(story);
    if (s.ended == "dropped" && s.letter != 0) return for_given_up(story, s);
    if (s.ended == "dropped") return s.code.empty() ? "" : for_refusal(story, s);
    if (s.ended == "open" && s.pause) return for_pause(*s.pause);
    if (s.ended == "open") {
        if (auto advice = for_workers(s, lags); !advice.empty()) return advice;
    }
    if (s.ended == "open" && s.until) {
        const std::string wait = *s.until > now
                                     ? fmt::format("it goes on by itself in {}", human_span(*s.until - now))
                                     : std::string("it is due: relevo lag shows whether wake runs");
        return s.code.empty() ? wait : for_refusal(story, s) + "; " + wait;
    }
    if (s.ended == "open" && !s.code.empty()) return for_refusal(story, s);
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

bool needs_somebody(const Story& story, const std::vector<StageLag>& lags) {
    const Standing& s = story.standing;
    if (s.ended == "dead" || s.ended == "unexplained") return true;
    if (s.ended == "open") return s.pause || !for_workers(s, lags).empty() || s.code.ends_with(".bad_token");
    constexpr std::string_view of_the_shop[] = {
        "model.bad_key",     "model.quota",     "model.unknown_provider", "model.bad_address",
        "model.bad_request", "model.unbounded", "budget.exhausted",       "budget.unpriced"};
    return s.ended == "answered" && s.reason == "with the fallback" &&
           (s.code.starts_with("vault.") || std::ranges::find(of_the_shop, s.code) != std::end(of_the_shop));
}

}  // namespace relevo
