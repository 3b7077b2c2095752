#pragma once

#include <optional>
#include <string>

#include "cli/commands.hpp"
#include "cli/stage_lag.hpp"

namespace relevo {

/// What `why` and `trace` are asked for.
struct StoryOptions {
    std::string name;
    std::string at;
    bool show_text = false;
};

struct FoundStory {
    Story story;
    std::vector<StageLag> lags;
    SysTime now;
};

void takes_story(Commands& commands, CLI::App* command, StoryOptions& options);

/// The story that the name means; where it may mean several, or none, that is printed and there is none.
std::optional<FoundStory> find_story(const Commands& commands, const StoryOptions& options);

}  // namespace relevo
