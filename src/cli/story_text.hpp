#pragma once

#include <string>
#include <vector>

#include "cli/stage_lag.hpp"
#include "domain/operator.hpp"

namespace relevo {

/// What happened, in a sentence.
std::string sentence(const StoryEvent& event);

/// How it stands, in a sentence.
std::string verdict(const Story& story, SysTime now);

/// What an operator does next; empty where nothing is to be done.
std::string next_step(const Story& story, const std::vector<StageLag>& lags, SysTime now);

/// Whether it goes on, or goes well next time, only when somebody does that.
bool needs_somebody(const Story& story, const std::vector<StageLag>& lags);

std::string story_page(const Story& story, const std::vector<StageLag>& lags, SysTime now);
std::string story_json(const Story& story, const std::vector<StageLag>& lags, SysTime now);

/// Spans as a tree with bars, `width` characters for the whole time.
std::string span_tree(const Story& story, SysTime now, std::size_t width = 40);
std::string spans_json(const Story& story);

/// To choose from.
std::string refs_table(const std::vector<StoryRef>& refs);
std::string refs_json(const std::vector<StoryRef>& refs);

}  // namespace relevo
