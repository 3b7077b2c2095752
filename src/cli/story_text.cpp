#include "cli/story_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/moments.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

std::string join(std::initializer_list<std::string> parts, const std::string& between = ", ") {
    std::string out;
    for (const auto& part : parts) {
        if (!part.empty()) out += (out.empty() ? "" : between) + part;
    }
    return out;
}

// What the text of the story's message or bubble is, where it may be read.
std::string quoted(const Story& story, const StoryEvent& event) {
    if (event.event != "message.received" && event.event != "reply.made" && event.event != "human.wrote")
        return {};
    const auto id = event.facts.find(event.event == "reply.made" ? "reply" : "message");
    if (id == event.facts.end()) return {};
    const auto text = story.texts.find(id->second);
    return text == story.texts.end() ? std::string() : "\n      \"" + text->second + "\"";
}

std::string line_of(const Story& story, const StoryEvent& event, std::optional<SysTime> before) {
    const std::string at = event.at ? to_iso8601(*event.at) : "(no row has its time)";
    const std::string gap = event.at && before ? "+" + human_span(*event.at - *before) : "";
    return fmt::format("  {:<24}  {:>11}  {:<9} {}{}\n", at, gap, event.stage, sentence(event),
                       quoted(story, event));
}

std::string event_json(const Story& story, const StoryEvent& event) {
    JsonObject facts;
    for (const auto& [name, value] : event.facts) facts.text(name, value);
    if (const auto id = event.facts.find("message");
        id != event.facts.end() && story.texts.contains(id->second)) {
        facts.text("said", story.texts.at(id->second));
    }
    if (const auto id = event.facts.find("reply");
        id != event.facts.end() && event.event == "reply.made" && story.texts.contains(id->second)) {
        facts.text("said", story.texts.at(id->second));
    }
    return JsonObject()
        .text("at", event.at ? to_iso8601(*event.at) : "")
        .text_if_any("stage", event.stage)
        .text("event", event.event)
        .text("what", sentence(event))
        .raw("facts", facts.str())
        .str();
}

}  // namespace

std::string verdict(const Story& story, SysTime now) {
    const Standing& s = story.standing;
    const std::string why = s.reason.empty() ? "" : " (" + s.reason + ")";
    if (s.ended == "answered") {
        const bool superseded = std::ranges::any_of(
            story.events, [](const auto& event) { return event.event == "turn.superseded"; });
        return (superseded ? "superseded, and answered by the turn that took its place" : "answered") + why;
    }
    if (s.ended == "human") return "left to a human";
    if (s.ended == "superseded") return "superseded by a newer message";
    if (s.ended == "dropped") return "dropped" + why;
    if (s.ended == "dead") return fmt::format("dead{}: dead letter {}", why, s.letter);
    const std::string since = s.since ? " for " + human_span(now - *s.since) : "";
    if (s.ended == "unexplained")
        return fmt::format("stands still at {}{}, and nothing holds it", s.waits_at, since);
    if (s.pause) {
        return fmt::format("paused at {}{}: {} paused {}{}", s.waits_at, since, s.pause->by, s.pause->stage,
                           s.pause->reason.empty() ? "" : " (" + s.pause->reason + ")");
    }
    if (s.until) return fmt::format("parked at {} until {}", s.waits_at, to_iso8601(*s.until));
    return fmt::format("on its way at {}{}", s.waits_at, since);
}

std::string story_page(const Story& story, const std::vector<StageLag>& lags, SysTime now) {
    std::string out;
    const auto line = [&out](std::string_view name, const std::string& value) {
        if (!value.empty()) out += fmt::format("{:<13} {}\n", name, value);
    };
    std::string aliases;
    for (const auto& alias : story.aliases) aliases += (aliases.empty() ? "" : ", ") + alias;
    line("message", join({story.message, story.event_id.empty() ? "" : "provider's " + story.event_id}));
    line("shop", story.slug);
    line("account", join({story.channel, story.account}, " "));
    line("conversation", join({story.conversation, aliases, story.human ? "a human has it" : ""}));
    line("trace", story.trace);
    out += '\n';
    std::optional<SysTime> before;
    for (const auto& event : story.events) {
        out += line_of(story, event, before);
        if (event.at) before = event.at;
    }
    out += '\n';
    line("it is", verdict(story, now));
    line("next", next_step(story, lags, now));
    return out;
}

std::string story_json(const Story& story, const std::vector<StageLag>& lags, SysTime now) {
    std::vector<std::string> events;
    for (const auto& event : story.events) events.push_back(event_json(story, event));
    const Standing& s = story.standing;
    JsonObject standing;
    standing.text("ended", s.ended).text_if_any("reason", s.reason).text_if_any("waits_at", s.waits_at);
    if (s.since) standing.text("since", to_iso8601(*s.since));
    if (s.until) standing.text("until", to_iso8601(*s.until));
    if (s.letter != 0) standing.number("letter", s.letter);
    standing.text_if_any("code", s.code).text_if_any("text", s.text);
    return JsonObject()
        .text_if_any("message", story.message)
        .text_if_any("event_id", story.event_id)
        .text_if_any("slug", story.slug)
        .text("channel", story.channel)
        .text("account", story.account)
        .text_if_any("conversation", story.conversation)
        .raw("aliases", json_texts(story.aliases))
        .flag("human", story.human)
        .text("trace", story.trace)
        .raw("events", json_array(events))
        .raw("standing", standing.str())
        .text("verdict", verdict(story, now))
        .text("next", next_step(story, lags, now))
        .str();
}

std::string refs_table(const std::vector<StoryRef>& refs) {
    std::string out =
        fmt::format("{:<24}  {:<14} {:<9} {:<18} {}\n", "at", "shop", "channel", "account", "what");
    for (const auto& ref : refs) {
        out += fmt::format("{:<24}  {:<14} {:<9} {:<18} {} {}{}\n", to_iso8601(ref.at),
                           ref.slug.empty() ? "-" : ref.slug, ref.channel, ref.account, ref.kind, ref.id,
                           ref.what == ref.kind ? "" : ", " + ref.what);
    }
    return out;
}

std::string refs_json(const std::vector<StoryRef>& refs) {
    std::vector<std::string> items;
    for (const auto& ref : refs) {
        items.push_back(JsonObject()
                            .text("at", to_iso8601(ref.at))
                            .text("slug", ref.slug)
                            .text("channel", ref.channel)
                            .text("account", ref.account)
                            .text("kind", ref.kind)
                            .text("id", ref.id)
                            .text("what", ref.what)
                            .str());
    }
    return json_array(items);
}

}  // namespace relevo
