#pragma once

#include <vector>

#include "cli/command_line.hpp"
#include "process/surroundings.hpp"

namespace relevo {

/// `relevo run`: the chosen stages and what is served over HTTP, until SIGTERM or SIGINT; the exit code.
int run(const Config& config, const std::vector<PipelineSpec>& pipelines, const RunOptions& options,
        const Surroundings& surroundings = {});

}  // namespace relevo
