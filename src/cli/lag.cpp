#include <fmt/format.h>

#include "cli/commands.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

void print_json(const std::vector<PartitionLag>& rows) {
    std::vector<std::string> items;
    for (const auto& row : rows) {
        items.push_back(JsonObject()
                            .text("stage", row.stage)
                            .text("group", row.group)
                            .text("topic", row.topic)
                            .number("partition", row.partition)
                            .number("end", row.end)
                            .number("committed", row.committed)
                            .number("behind", row.behind)
                            .number("held", row.held)
                            .str());
    }
    fmt::print("{}\n", json_array(items));
}

void print_table(const std::vector<PartitionLag>& rows) {
    fmt::print("{:<18} {:<22} {:>9} {:>10} {:>10} {:>8} {:>6}\n", "group", "topic", "partition", "end",
               "committed", "behind", "held");
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto& row = rows[i];
        fmt::print("{:<18} {:<22} {:>9} {:>10} {:>10} {:>8} {:>6}\n", row.group, row.topic, row.partition,
                   row.end, row.committed < 0 ? "none" : std::to_string(row.committed), row.behind, row.held);
        if (i + 1 < rows.size() && rows[i + 1].group == row.group) continue;
        std::int64_t behind = 0;
        std::int64_t held = 0;
        for (const auto& other : rows) {
            if (other.group != row.group) continue;
            behind += other.behind;
            held += other.held;
        }
        fmt::print("{:<18} {:<22} {:>9} {:>10} {:>10} {:>8} {:>6}\n\n", row.group, "", "all", "", "", behind,
                   held);
    }
}

int show_lag(Cluster& cluster, const std::vector<PipelineSpec>& pipelines, bool json) {
    std::vector<PartitionLag> rows;
    for (const auto& pipeline : pipelines) {
        for (auto& row : cluster.lag(pipeline)) rows.push_back(std::move(row));
    }
    if (json) {
        print_json(rows);
    } else {
        print_table(rows);
    }
    return 0;
}

}  // namespace

void add_lag(Commands& commands) {
    commands.takes_json(commands.add(
        commands.root(), "lag", "How far each group is: behind (in the log) and held (taken, not settled)",
        "lag", [&commands] {
            return show_lag(*commands.backend().cluster(commands.config()), commands.pipelines(),
                            commands.json());
        }));
}

}  // namespace relevo
