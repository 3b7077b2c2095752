#include <fmt/format.h>

#include "cli/commands.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

int list_topics(Cluster& cluster, const std::vector<PipelineSpec>& pipelines, bool json) {
    std::vector<std::string> items;
    bool right = true;
    for (const auto& pipeline : pipelines) {
        for (const auto& topic : cluster.topics(pipeline)) {
            right = right && topic.actual == topic.declared;
            if (!json) {
                const char* state = topic.actual == 0 ? "missing: relevo topics apply creates it"
                                    : topic.actual == topic.declared ? "as declared"
                                                                     : "differs from the pipeline file";
                fmt::print("{:<24} {:>4} partitions  {}\n", topic.name, topic.actual, state);
            }
            items.push_back(JsonObject()
                                .text("topic", topic.name)
                                .number("declared", topic.declared)
                                .number("actual", topic.actual)
                                .str());
        }
    }
    if (json) fmt::print("{}\n", json_array(items));
    return right ? 0 : 1;
}

int apply_topics(Cluster& cluster, const std::vector<PipelineSpec>& pipelines, int replication) {
    for (const auto& pipeline : pipelines) {
        cluster.apply(pipeline, replication, [](const std::string& step) { fmt::print("{}\n", step); });
    }
    return 0;
}

}  // namespace

void add_topics(Commands& commands) {
    auto* topics = commands.add_group("topics", "The pipelines' topics in the cluster");
    const auto cluster = [&commands] { return commands.backend().cluster(commands.config()); };
    commands.takes_json(commands.add(
        *topics, "list", "Compare the cluster with the pipeline files; exit code 1: they differ",
        "topics list",
        [&commands, cluster] { return list_topics(*cluster(), commands.pipelines(), commands.json()); }));
    commands.add(*topics, "apply", "Create what is missing and give new groups their first offsets",
                 "topics apply", [&commands, cluster] {
                     return apply_topics(*cluster(), commands.pipelines(), commands.config().replication);
                 });
}

}  // namespace relevo
