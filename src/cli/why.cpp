#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/story_choice.hpp"
#include "cli/story_text.hpp"

namespace relevo {
namespace {

// 0: it ended or goes on by itself; 1: somebody must act, or must choose.
int tell_why(const Commands& commands, const StoryOptions& options) {
    const auto found = find_story(commands, options);
    if (!found) return 1;
    if (commands.json()) {
        fmt::print("{}\n", story_json(found->story, found->lags, found->now));
    } else {
        fmt::print("{}", story_page(found->story, found->lags, found->now));
    }
    return needs_somebody(found->story, found->lags) ? 1 : 0;
}

}  // namespace

void add_why(Commands& commands) {
    auto options = std::make_shared<StoryOptions>();
    auto* why = commands.add(
        commands.root(), "why",
        "What became of a message, webhook to receipt, and what to do; exit code 1: something is to be done",
        "why +5491155550001 --at 2h", [&commands, options] { return tell_why(commands, *options); });
    takes_story(commands, why, *options);
    why->add_flag("--show-text", options->show_text,
                  "What people wrote too; needs postgres.operator_text_url");
}

}  // namespace relevo
