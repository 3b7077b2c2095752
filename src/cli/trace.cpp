#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/story_choice.hpp"
#include "cli/story_text.hpp"

namespace relevo {

void add_trace(Commands& commands) {
    auto options = std::make_shared<StoryOptions>();
    auto* trace = commands.add(commands.root(), "trace", "How long a message took where, webhook to receipt",
                               "trace wamid.HBgM --json", [&commands, options] {
                                   const auto found = find_story(commands, *options);
                                   if (!found) return 1;
                                   fmt::print("{}", commands.json() ? spans_json(found->story) + "\n"
                                                                    : span_tree(found->story, found->now));
                                   return 0;
                               });
    takes_story(commands, trace, *options);
}

}  // namespace relevo
