#include "cli/stage_lag.hpp"

#include <fmt/format.h>

namespace relevo {

std::vector<StageLag> stage_lags(const Commands& commands) {
    std::vector<StageLag> lags;
    try {
        const auto cluster = commands.backend().cluster(commands.config());
        for (const auto& pipeline : commands.pipelines()) {
            for (const auto& row : cluster->lag(pipeline)) {
                if (lags.empty() || lags.back().stage != row.stage) lags.push_back({row.stage});
                lags.back().behind += row.behind;
                lags.back().held += row.held;
                lags.back().workers = row.workers;
            }
        }
    } catch (const Failure& failure) {
        fmt::print(stderr, "relevo: what the log holds is not known: {} ({})\n", failure.error().text,
                   failure.error().code);
        lags.clear();
    }
    return lags;
}

Lagging lagging_stages(const std::vector<StageLag>& lags) {
    Lagging stages;
    for (const auto& lag : lags) {
        if (lag.behind > 0 || lag.held > 0) stages.push_back(lag.stage);
    }
    return stages;
}

}  // namespace relevo
