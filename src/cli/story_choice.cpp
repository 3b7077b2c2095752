#include "cli/story_choice.hpp"

#include <fmt/format.h>

#include "cli/moments.hpp"
#include "cli/story_text.hpp"

namespace relevo {

void takes_story(Commands& commands, CLI::App* command, StoryOptions& options) {
    command
        ->add_option(
            "message", options.name,
            "Our id (message, turn, reply, conversation) or its first eight digits, the provider's id, or "
            "a phone number or other alias")
        ->required();
    command->add_option("--at", options.at,
                        "The newest up to then: a time (UTC) or 2h. With a number or a conversation");
    commands.takes_json(command);
}

std::optional<FoundStory> find_story(const Commands& commands, const StoryOptions& options) {
    const SysTime now = commands.backend().now();
    const SysTime at = options.at.empty() ? now : parse_moment(options.at, now);
    const auto book = commands.backend().stories(commands.config(), options.show_text);
    const auto refs = book->find(options.name, at);
    if (refs.empty()) {
        throw Failure(
            {Fault::permanent, "why.unknown",
             fmt::format(
                 "nothing here is called '{}'{}. What a webhook brought is in the log before it is here: "
                 "see relevo lag; of one that was refused the log of relevo run says webhook.refused",
                 options.name, options.at.empty() ? "" : " up to " + to_iso8601(at))});
    }
    if (refs.size() > 1) {
        if (commands.json()) {
            fmt::print("{}\n", refs_json(refs));
        } else {
            fmt::print("'{}' may mean several; ask for one of them by its id:\n{}", options.name,
                       refs_table(refs));
        }
        return std::nullopt;
    }
    auto lags = stage_lags(commands);
    Story story = book->tell(refs.front(), now, in_flight_bound, lagging_stages(lags));
    return FoundStory{std::move(story), std::move(lags), now};
}

}  // namespace relevo
