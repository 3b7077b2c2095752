#include <fmt/format.h>

#include <algorithm>

#include "cli/moments.hpp"
#include "cli/story_text.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

struct Scale {
    SysTime from;
    SysTime to;
    SysTime now;
    std::size_t width;

    std::string bar(const StorySpan& span) const {
        const auto whole = std::max<std::int64_t>(1, (to - from).count());
        const auto place = [&](SysTime at) {
            const auto part = std::clamp<std::int64_t>((at - from).count(), 0, whole);
            return static_cast<std::size_t>(part * static_cast<std::int64_t>(width) / whole);
        };
        const std::size_t begin = std::min(place(span.start), width - 1);
        const std::size_t end = std::clamp(place(span.end.value_or(to)), begin + 1, width);
        return std::string(begin, ' ') + std::string(end - begin, span.end ? '=' : '~') +
               std::string(width - end, ' ');
    }
};

void add(const std::vector<StorySpan>& spans, const std::string& parent, std::size_t depth,
         const Scale& scale, std::string& out) {
    for (const auto& span : spans) {
        if (span.parent != parent) continue;
        const std::string lasted =
            span.end ? human_span(*span.end - span.start) : human_span(scale.now - span.start) + "…";
        out += fmt::format("  {:<20} |{}| {:>11}  {}\n", std::string(2 * depth, ' ') + span.name,
                           scale.bar(span), lasted, span.note);
        add(spans, span.id, depth + 1, scale, out);
    }
}

}  // namespace

std::string span_tree(const Story& story, SysTime now, std::size_t width) {
    std::string out = fmt::format("trace {}\n", story.trace.empty() ? "(none)" : story.trace);
    if (story.spans.empty())
        return out + "no row has a time of it: it never left its first stage; relevo why tells more\n";
    Scale scale{story.spans.front().start, story.spans.front().start, now, width};
    for (const auto& span : story.spans) {
        scale.from = std::min(scale.from, span.start);
        scale.to = std::max(scale.to, span.end.value_or(now));
    }
    out += fmt::format("from {}, {} in all\n", to_iso8601(scale.from), human_span(scale.to - scale.from));
    add(story.spans, "", 0, scale, out);
    return out +
           "A span lasts from what came before to what it left in the database, its wait in the log "
           "included.\n";
}

std::string spans_json(const Story& story) {
    std::vector<std::string> items;
    for (const auto& span : story.spans) {
        JsonObject out;
        out.text("name", span.name).text("id", span.id).text("parent", span.parent);
        out.text("start", to_iso8601(span.start));
        if (span.end) out.text("end", to_iso8601(*span.end)).number("ms", (*span.end - span.start).count());
        items.push_back(out.text_if_any("note", span.note).str());
    }
    return JsonObject().text("trace", story.trace).raw("spans", json_array(items)).str();
}

}  // namespace relevo
