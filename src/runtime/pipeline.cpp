#include "runtime/pipeline.hpp"

#include <algorithm>

#include "runtime/yaml_fields.hpp"

namespace relevo {
namespace {

using namespace yaml;

// Of what is wrong with it the rest is read all the same: others are checked against it.
void read_topic(TopicSpec& topic, const YAML::Node& node) {
    read(node, {{"partitions", [&](const auto& n) { topic.partitions = number<int>(n, 1, 1'000); }},
                {"retention",
                 [&](const auto& n) {
                     topic.retention = text(n) == "forever" ? kept_forever : duration(n);
                     if (topic.retention > longest_retention) {
                         refuse(n, "at most 14d: what tells a record's shop may be forgotten after that");
                     }
                 }},
                {"max_message_bytes", [&](const auto& n) { topic.max_message_bytes = size(n); }}});
}

RetrySchedule read_retry(const YAML::Node& node) {
    RetrySchedule retry;
    read(node, {{"first", [&](const auto& n) { retry.first = duration(n); }},
                {"factor", [&](const auto& n) { retry.factor = number<double>(n, 1, 10); }},
                {"max", [&](const auto& n) { retry.max = duration(n); }},
                {"park_after", [&](const auto& n) {
                     retry.park_after = duration(n);
                     if (retry.park_after > Millis{90'000}) {
                         refuse(n, "at most 90s: nothing may stay unsettled for longer than two minutes");
                     }
                 }}});
    return retry;
}

Lanes::Policy read_lane(const YAML::Node& node) {
    if (text(node) == "one") return Lanes::Policy::one;
    if (text(node) == "burst") return Lanes::Policy::burst;
    refuse(node, "expected 'one' or 'burst'");
}

void read_stage(StageSpec& stage, const YAML::Node& node) {
    bool shares = false;
    const Fields limits{
        {"running", [&](const auto& n) { stage.limits.running = number<std::size_t>(n, 1, 100'000); }},
        {"running_per_tenant",
         [&](const auto& n) {
             stage.limits.running_per_tenant = number<std::size_t>(n, 1, 100'000);
             shares = true;
         }},
        {"records", [&](const auto& n) { stage.limits.records = number<std::size_t>(n, 1, 10'000'000); }},
        {"bytes", [&](const auto& n) { stage.limits.bytes = static_cast<std::size_t>(size(n)); }},
        {"stuck_after", [&](const auto& n) { stage.stuck_after = duration(n); }}};
    read(node,
         {{"group", [&](const auto& n) { stage.group = text(n); }},
          {"input", [&](const auto& n) { stage.input = text(n); }},
          {"outputs",
           [&](const auto& n) {
               if (!n.IsSequence()) refuse(n, "expected a list of topics");
               for (const auto& output : n) stage.outputs.push_back(text(output));
           }},
          {"lane", [&](const auto& n) { stage.lane = read_lane(n); }},
          {"workers", [&](const auto& n) { stage.workers = number<int>(n, 1, 64); }},
          {"limits", [&](const auto& n) { read(n, limits); }},
          {"retry", [&](const auto& n) { stage.retry = read_retry(n); }}},
         {"group", "input"});
    // A slow tenant leaves half of the places to the others.
    if (!shares) stage.limits.running_per_tenant = std::max<std::size_t>(1, stage.limits.running / 2);
}

using Edges = std::set<std::pair<std::string, std::string>>;

// Stages in the order in which records can come back to `stage`, or nothing.
std::vector<std::string> find_cycle(const PipelineSpec& spec, const StageSpec& stage, const Edges& declared) {
    std::vector<std::string> path{stage.name};
    std::set<std::string> seen;
    const std::function<bool(const StageSpec&)> walk = [&](const StageSpec& from) {
        for (const auto& output : from.outputs) {
            for (const auto& next : spec.stages) {
                if (next.input != output || declared.contains({from.name, next.name})) continue;
                path.push_back(next.name);
                if (next.name == stage.name || (seen.insert(next.name).second && walk(next))) return true;
                path.pop_back();
            }
        }
        return false;
    };
    return walk(stage) ? path : std::vector<std::string>{};
}

// What the parts must be to each other. A part that could not be read is no mistake here.
void check(Mistakes& mistakes, const PipelineSpec& spec, const YAML::Node& root, const Edges& cycles) {
    const auto wrong = [&](const YAML::Node& node, std::string text) {
        mistakes.all.push_back({node.Mark(), std::move(text)});
    };
    std::set<std::string> groups;
    for (const auto& stage : spec.stages) {
        const YAML::Node node = root["stages"][stage.name];
        if (!stage.group.empty() && !groups.insert(stage.group).second) {
            wrong(node["group"], fmt::format("group '{}' belongs to another stage", stage.group));
        }
        if (!stage.input.empty() && stage.input != timers_input && !spec.find_topic(stage.input)) {
            wrong(node["input"], fmt::format("topic '{}' is not declared under topics", stage.input));
        }
        for (std::size_t i = 0; i < stage.outputs.size(); ++i) {
            if (!spec.find_topic(stage.outputs[i])) {
                wrong(node["outputs"][i],
                      fmt::format("topic '{}' is not declared under topics", stage.outputs[i]));
            }
        }
    }
    for (const auto& topic : spec.topics) {
        if (topic.retention != kept_forever && topic.retention < spec.expires_after) {
            wrong(root["topics"][topic.name],
                  "retention must be at least expires_after: a record would be deleted while it may still be "
                  "answered");
        }
    }
    std::set<std::string> told;
    for (const auto& stage : spec.stages) {
        if (told.contains(stage.name)) continue;
        const auto cycle = find_cycle(spec, stage, cycles);
        told.insert(cycle.begin(), cycle.end());
        if (!cycle.empty()) {
            wrong(root["stages"][stage.name],
                  fmt::format("records would go in a circle: {}; if that is meant, declare it under cycles",
                              fmt::join(cycle, " -> ")));
        }
    }
}

PipelineSpec read_pipeline(const YAML::Node& root) {
    PipelineSpec spec;
    Edges cycles;
    Mistakes mistakes;
    const auto read_cycles = [&](const YAML::Node& node) {
        if (!node.IsSequence()) refuse(node, "expected a list of [from, to] stages");
        for (const auto& edge : node) {
            gather(mistakes, [&] {
                if (!edge.IsSequence() || edge.size() != 2) refuse(edge, "expected [from, to]");
                cycles.insert({text(edge[0]), text(edge[1])});
            });
        }
    };
    const Fields fields{{"pipeline", [&](const auto& n) { spec.name = text(n); }},
                        {"expires_after", [&](const auto& n) { spec.expires_after = duration(n); }},
                        {"topics",
                         [&](const auto& n) {
                             if (!n.IsMap()) refuse(n, "expected a map of topics");
                             for (const auto& entry : n) {
                                 gather(mistakes, [&] {
                                     const std::string name = text(entry.first);
                                     if (spec.find_topic(name))
                                         refuse(entry.first, fmt::format("topic '{}' is there twice", name));
                                     spec.topics.emplace_back().name = name;
                                     read_topic(spec.topics.back(), entry.second);
                                 });
                             }
                         }},
                        {"stages",
                         [&](const auto& n) {
                             if (!n.IsMap()) refuse(n, "expected a map of stages");
                             for (const auto& entry : n) {
                                 gather(mistakes, [&] {
                                     const std::string name = text(entry.first);
                                     if (spec.find_stage(name))
                                         refuse(entry.first, fmt::format("stage '{}' is there twice", name));
                                     spec.stages.emplace_back().name = name;
                                     read_stage(spec.stages.back(), entry.second);
                                 });
                             }
                         }},
                        {"cycles", read_cycles}};
    gather(mistakes, [&] { read(root, fields, {"pipeline", "topics", "stages"}); });
    if (root.IsMap() && root["topics"] && root["topics"].IsMap()) check(mistakes, spec, root, cycles);
    if (!mistakes.all.empty()) throw mistakes;
    return spec;
}

}  // namespace

const StageSpec* PipelineSpec::find_stage(std::string_view stage) const {
    const auto found =
        std::find_if(stages.begin(), stages.end(), [&](const auto& s) { return s.name == stage; });
    return found == stages.end() ? nullptr : &*found;
}

const TopicSpec* PipelineSpec::find_topic(std::string_view topic) const {
    const auto found =
        std::find_if(topics.begin(), topics.end(), [&](const auto& t) { return t.name == topic; });
    return found == topics.end() ? nullptr : &*found;
}

Result<PipelineSpec> load_pipeline(const std::filesystem::path& file) {
    auto spec = load<PipelineSpec>(file, "pipeline.invalid", read_pipeline);
    if (spec) spec->file = file;
    return spec;
}

}  // namespace relevo
