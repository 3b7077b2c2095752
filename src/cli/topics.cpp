#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "cli/commands.hpp"

namespace relevo {

int list_topics(Cluster& cluster, const std::vector<PipelineSpec>& pipelines, bool json) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> out(buffer);
    out.StartArray();
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
            out.StartObject();
            out.Key("topic");
            out.String(topic.name.c_str());
            out.Key("declared");
            out.Int(topic.declared);
            out.Key("actual");
            out.Int(topic.actual);
            out.EndObject();
        }
    }
    out.EndArray();
    if (json) fmt::print("{}\n", buffer.GetString());
    return right ? 0 : 1;
}

int apply_topics(Cluster& cluster, const std::vector<PipelineSpec>& pipelines, int replication) {
    for (const auto& pipeline : pipelines) {
        cluster.apply(pipeline, replication, [](const std::string& step) { fmt::print("{}\n", step); });
    }
    return 0;
}

}  // namespace relevo
