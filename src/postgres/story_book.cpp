#include "core/error.hpp"
#include "core/json_object.hpp"
#include "core/trace.hpp"
#include "postgres/codec.hpp"
#include "postgres/operator_books.hpp"
#include "postgres/operator_session.hpp"

namespace relevo {
namespace {

// A text as it is, anything else as JSON.
std::string plain(const Json& value) {
    std::string text = value.text();
    return text.empty() && value.source() != "\"\"" ? value.source() : text;
}

StoryRef parse_ref(const Json& row) {
    StoryRef ref{{row.number("tenant")},
                 row.text("slug"),
                 row.text("channel"),
                 row.text("account"),
                 row.text("conversation"),
                 {},
                 {},
                 row.time("at"),
                 row.text("what")};
    for (const auto* kind : {"message", "turn", "reply", "letter"}) {
        if (row[kind].null()) continue;
        ref.kind = kind;
        ref.id = plain(row[kind]);
    }
    return ref;
}

Standing parse_standing(const Json& row) {
    return {row.text("ended"),        row.text("reason"),       row.text("waits_at"),
            row.time_if_any("since"), row.time_if_any("until"), row.number("letter"),
            row.text("code"),         row.text("text"),         {}};
}

StoryEvent parse_event(const Json& row) {
    StoryEvent event{row.time_if_any("at"), row.text("stage"), row.text("event"), {}};
    for (const auto& [name, value] : row["facts"].members()) {
        if (!value.null()) event.facts.emplace(name, plain(value));
    }
    return event;
}

class PostgresStoryBook final : public StoryBook {
  public:
    PostgresStoryBook(const OperatorUrls& urls, bool with_text)
        : session_(with_text ? urls.text : urls.plain, with_text ? operator_text_setting : operator_setting),
          with_text_(with_text) {}

    std::vector<StoryRef> find(const std::string& name, SysTime at) override {
        const std::string request =
            JsonObject().text("wanted", name).text("digits", digits_of(name)).time("at", at).str();
        std::vector<StoryRef> refs;
        for (const auto& row : session_.ask("find_story", request).items()) refs.push_back(parse_ref(row));
        return refs;
    }

    Story tell(const StoryRef& which, SysTime now, Millis bound, const Lagging& lagging) override {
        const std::string request = JsonObject()
                                        .number("tenant", which.tenant.value)
                                        .text_if_any("conversation", which.conversation)
                                        .text(which.kind, which.id)
                                        .time("now", now)
                                        .number("bound_ms", bound.count())
                                        .raw("lagging", json_texts(lagging))
                                        .str();
        Story story = parse_story(session_.ask("story", request));
        if (story.standing.ended == "open") story.standing.pause = pause_of(story, which);
        if (with_text_) add_texts(story, which.tenant);
        return story;
    }

  private:
    static Story parse_story(const Json& told) {
        Story story;
        story.slug = told.text("slug");
        story.shop = told.text("shop");
        story.channel = told.text("channel");
        story.account = told.text("account");
        story.conversation = told.text("conversation");
        story.message = told.text("message");
        story.event_id = told.text("event_id");
        story.trace = told.text("trace");
        if (story.trace.empty()) story.trace = trace_id(told.text("traceparent"));
        story.human = told.text("mode") == "human";
        story.aliases = told["aliases"].texts();
        story.standing = parse_standing(told["standing"]);
        for (const auto& row : told["events"].items()) story.events.push_back(parse_event(row));
        for (const auto& row : told["spans"].items()) {
            story.spans.push_back({row.text("name"), row.text("id"), row.text("parent"), row.time("start"),
                                   row.time_if_any("end"), row.text("note")});
        }
        return story;
    }

    std::optional<Pause> pause_of(const Story& story, const StoryRef& which) {
        const std::string request = JsonObject()
                                        .number("tenant", which.tenant.value)
                                        .text(which.kind, which.id)
                                        .text("conversation", story.conversation)
                                        .text("waits_at", story.standing.waits_at)
                                        .str();
        const Json row = session_.ask("pause_of", request);
        if (row.null()) return {};
        return Pause{row.text("stage"), row.text("shop"), row.text("by"), row.text("reason"),
                     row.time("since")};
    }

    void add_texts(Story& story, TenantId tenant) {
        std::vector<std::string> ids;
        for (const auto& event : story.events) {
            const auto id = event.facts.find(event.event == "reply.made" ? "reply" : "message");
            if (id != event.facts.end()) ids.push_back(json_text(id->second));
        }
        const std::string request =
            JsonObject().number("tenant", tenant.value).raw("ids", json_array(ids)).str();
        for (const auto& [id, text] : session_.ask("story_text", request).members()) {
            story.texts.emplace(id, text.text());
        }
    }

    OperatorSession session_;
    bool with_text_;
};

}  // namespace

std::unique_ptr<StoryBook> make_story_book(const OperatorUrls& urls, bool with_text) {
    return std::make_unique<PostgresStoryBook>(urls, with_text);
}

}  // namespace relevo
