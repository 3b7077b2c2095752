#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "cli/doctor.hpp"

namespace relevo {
namespace {

constexpr std::string_view apply_topics = "relevo topics apply";

// As relevo topics apply sets it.
constexpr Millis longest_segment{std::chrono::hours(24)};

std::string value_of(const ServerSettings& settings, const std::string& name) {
    const auto found = settings.find(name);
    return found == settings.end() ? std::string() : found->second;
}

// Nothing where the server does not tell it.
std::optional<std::int64_t> number_of(const ServerSettings& settings, const std::string& name) {
    const std::string text = value_of(settings, name);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

const TopicFacts* find(const ClusterFacts& cluster, const std::string& topic) {
    const auto found = std::find_if(cluster.topics.begin(), cluster.topics.end(),
                                    [&](const auto& it) { return it.name == topic; });
    return found == cluster.topics.end() ? nullptr : &*found;
}

std::vector<TopicSpec> declared_topics(const Setting& setting) {
    std::vector<TopicSpec> topics;
    for (const auto& pipeline : setting.pipelines) {
        topics.insert(topics.end(), pipeline.topics.begin(), pipeline.topics.end());
    }
    return topics;
}

// Kafka does not tell its version: 4.0 took one setting away and gave another.
Findings version(const ClusterFacts& cluster, const Setting&) {
    Findings findings;
    for (const auto& [id, settings] : cluster.brokers) {
        const std::string protocols = value_of(settings, "group.coordinator.rebalance.protocols");
        if (settings.contains("inter.broker.protocol.version")) {
            findings.push_back(wrong(fmt::format("broker {} is older than Kafka 4.0", id),
                                     "upgrade it: groups need the protocol of KIP-848"));
        } else if (!protocols.empty() && protocols.find("consumer") == std::string::npos) {
            findings.push_back(
                wrong(fmt::format("broker {} has group.coordinator.rebalance.protocols={}", id, protocols),
                      "add 'consumer' and restart it: no stage can join its group"));
        }
    }
    return or_all_well(
        std::move(findings),
        fmt::format("{} broker(s), Kafka 4.0 or newer, consumer groups of KIP-848", cluster.brokers.size()));
}

Findings topics_as_declared(const ClusterFacts& cluster, const Setting& setting) {
    Findings findings;
    const auto topics = declared_topics(setting);
    for (const auto& declared : topics) {
        const auto* topic = find(cluster, declared.name);
        if (!topic) {
            findings.push_back(
                wrong(fmt::format("topic {} is not there", declared.name), std::string(apply_topics)));
            continue;
        }
        if (topic->partitions != declared.partitions) {
            findings.push_back(
                wrong(fmt::format("topic {} has {} partitions, {} are declared: keys would move", topic->name,
                                  topic->partitions, declared.partitions),
                      fmt::format("declare {} in the pipeline file", topic->partitions)));
        }
        const auto expect = [&](const char* name, const std::string& value, const char* because) {
            const std::string actual = value_of(topic->settings, name);
            if (actual == value) return;
            findings.push_back(wrong(
                fmt::format("topic {} has {}={}, not {}: {}", topic->name, name, actual, value, because),
                std::string(apply_topics)));
        };
        expect("message.timestamp.type", "LogAppendTime", "windows of silence go by the broker's clock");
        expect("cleanup.policy", "delete", "compaction would throw messages away");
        expect("max.message.bytes", std::to_string(declared.max_message_bytes),
               "a webhook of the declared size would be refused");
    }
    return or_all_well(std::move(findings),
                       fmt::format("{} topics as the pipeline files have them", topics.size()));
}

// The log is the buffer: a record must outlive every outage, and no key that makes its redelivery harmless
// may die before it.
Findings retention(const ClusterFacts& cluster, const Setting& setting) {
    Findings findings;
    for (const auto& declared : declared_topics(setting)) {
        const auto* topic = find(cluster, declared.name);
        if (!topic) continue;
        const std::int64_t keeps = number_of(topic->settings, "retention.ms").value_or(0);
        if (declared.retention == kept_forever && keeps >= 0) {
            findings.push_back(
                wrong(fmt::format("topic {} forgets after {} h who was erased: a backup that is "
                                  "restored later brings them back",
                                  topic->name, keeps / 3'600'000),
                      std::string(apply_topics)));
        }
        // a segment goes when its newest record may
        const std::int64_t segment = number_of(topic->settings, "segment.ms").value_or(0);
        if (declared.retention != kept_forever && segment > longest_segment.count()) {
            findings.push_back(
                wrong(fmt::format("topic {} has segment.ms={}: what an erased person wrote may "
                                  "stay in it for {} h longer than its retention",
                                  topic->name, segment, segment / 3'600'000),
                      std::string(apply_topics)));
        }
        if (keeps >= 0 && keeps < declared.retention.count()) {
            findings.push_back(
                wrong(fmt::format("topic {} keeps records for {} h, {} h are declared: an outage "
                                  "longer than that loses messages",
                                  topic->name, keeps / 3'600'000, declared.retention.count() / 3'600'000),
                      std::string(apply_topics)));
        } else if (declared.retention != kept_forever && (keeps < 0 || keeps > longest_retention.count())) {
            findings.push_back(
                wrong(fmt::format(
                          "topic {} keeps records for {}: what an erased person wrote stays in it as long, "
                          "and a replay could find a webhook address that is forgotten, which happens after "
                          "14 days",
                          topic->name, keeps < 0 ? "ever" : fmt::format("{} h", keeps / 3'600'000)),
                      std::string(apply_topics)));
        }
        if (const auto bytes = number_of(topic->settings, "retention.bytes"); bytes && *bytes >= 0) {
            findings.push_back(
                wrong(fmt::format("topic {} has retention.bytes={}: a burst deletes what nobody has read",
                                  topic->name, *bytes),
                      fmt::format("kafka-configs.sh --alter --topic {} --delete-config retention.bytes",
                                  setting.config.kafka_prefix + topic->name)));
        }
    }
    return or_all_well(std::move(findings),
                       "records outlive outages; no key that tells a redelivery dies before its record");
}

Findings offsets_outlive_records(const ClusterFacts& cluster, const Setting& setting) {
    Millis longest{0};
    for (const auto& topic : declared_topics(setting)) longest = std::max(longest, topic.retention);
    const auto minutes = std::chrono::ceil<std::chrono::minutes>(longest).count();
    Findings findings;
    for (const auto& [id, settings] : cluster.brokers) {
        const auto kept = number_of(settings, "offsets.retention.minutes");
        if (kept && *kept < minutes) {
            findings.push_back(
                wrong(fmt::format("broker {} has offsets.retention.minutes={}: a group that was stopped for "
                                  "longer loses its place while its records are still there",
                                  id, *kept),
                      fmt::format("set it to at least {} and restart the broker", minutes)));
        }
    }
    return or_all_well(std::move(findings), "offsets outlive the records that they point at");
}

Findings replication(const ClusterFacts& cluster, const Setting& setting) {
    const int wanted = setting.config.replication;
    Findings findings;
    for (const auto& topic : cluster.topics) {
        if (topic.leaderless > 0) {
            findings.push_back(
                wrong(fmt::format("topic {}: {} partitions have no leader", topic.name, topic.leaderless),
                      "start the brokers that have them"));
        }
        if (topic.replicas < wanted) {
            findings.push_back(
                wrong(fmt::format("topic {} has {} copies, kafka.replication says {}", topic.name,
                                  topic.replicas, wanted),
                      "add copies with kafka-reassign-partitions.sh, or correct kafka.replication"));
        }
        if (topic.behind > 0) {
            findings.push_back(warning(fmt::format("topic {}: {} partitions have a copy that is not in sync",
                                                   topic.name, topic.behind),
                                       "see that all brokers run and keep up"));
        }
        const auto least = number_of(topic.settings, "min.insync.replicas").value_or(1);
        const std::string repair =
            fmt::format("kafka-configs.sh --alter --topic {} --add-config min.insync.replicas={}",
                        setting.config.kafka_prefix + topic.name, topic.replicas >= 3 ? 2 : 1);
        if (least > topic.replicas) {
            findings.push_back(
                wrong(fmt::format("topic {} has min.insync.replicas={} and {} copies: it takes no "
                                  "record",
                                  topic.name, least, topic.replicas),
                      repair));
        } else if (topic.replicas >= 3 && least < 2) {
            findings.push_back(
                wrong(fmt::format("topic {} has min.insync.replicas={}: what was acknowledged may be "
                                  "on one broker alone",
                                  topic.name, least),
                      repair));
        }
    }
    for (const auto& [id, settings] : cluster.brokers) {
        if (value_of(settings, "unclean.leader.election.enable") != "true") continue;
        findings.push_back(
            wrong(fmt::format("broker {} has unclean.leader.election.enable: a broker that missed "
                              "records may become their leader",
                              id),
                  "set it to false"));
    }
    if (wanted < 3) {
        findings.push_back(warning(fmt::format("kafka.replication is {}: Kafka does not fsync, so a loss of "
                                               "power may lose what was acknowledged",
                                               wanted),
                                   "in production three brokers and kafka.replication: 3"));
    }
    return or_all_well(std::move(findings), fmt::format("every record is on {} brokers", wanted));
}

Findings group_times(const ClusterFacts& cluster, const Setting&) {
    Findings findings;
    for (const auto& [id, settings] : cluster.brokers) {
        const auto expect = [&](const char* name, std::int64_t most, const char* because) {
            const auto actual = number_of(settings, name);
            if (!actual || *actual <= most) return;
            findings.push_back(warning(fmt::format("broker {} has {}={}: {}", id, name, *actual, because),
                                       fmt::format("set it to {}", most)));
        };
        expect("group.consumer.session.timeout.ms", 10'000,
               "the conversations of a worker that was killed stand still for that long");
        expect("group.consumer.heartbeat.interval.ms", 1'000,
               "workers that come and go are noticed that late");
    }
    return or_all_well(std::move(findings), "groups notice within seconds who comes and who died");
}

Findings topics_by_hand(const ClusterFacts& cluster, const Setting&) {
    Findings findings;
    for (const auto& [id, settings] : cluster.brokers) {
        if (value_of(settings, "auto.create.topics.enable") != "true") continue;
        findings.push_back(
            warning(fmt::format("broker {} makes topics that are asked for, with its own settings", id),
                    "set auto.create.topics.enable=false"));
    }
    return or_all_well(std::move(findings), "topics are made by relevo topics apply only");
}

Findings clock(const ClusterFacts& cluster, const Setting&) {
    return judge_clock("Kafka's newest record", cluster.ahead);
}

constexpr Check<ClusterFacts> checks[] = {
    {"Kafka version", version},         {"topics", topics_as_declared},
    {"retention", retention},           {"offsets retention", offsets_outlive_records},
    {"replication", replication},       {"group timeouts", group_times},
    {"topic creation", topics_by_hand}, {"Kafka clock", clock},
};

using Groups = std::vector<PartitionLag>;

Findings offsets_are_set(const Groups& partitions, const Setting&) {
    std::map<std::string, int> missing;
    for (const auto& partition : partitions) {
        if (partition.committed < 0) ++missing[partition.group];
    }
    Findings findings;
    for (const auto& [group, count] : missing) {
        findings.push_back(
            wrong(fmt::format("group {} has no offset on {} partitions: nobody reads them", group, count),
                  std::string(apply_topics)));
    }
    return or_all_well(std::move(findings), "every group has an offset on every partition");
}

Findings groups_keep_up(const Groups& partitions, const Setting&) {
    // More than a stage takes at once: a queue, not a moment.
    constexpr std::int64_t many = 10'000;
    std::map<std::string, std::int64_t> behind;
    std::int64_t all = 0;
    for (const auto& partition : partitions) {
        behind[partition.stage] += partition.behind;
        all += partition.behind;
    }
    Findings findings;
    for (const auto& [stage, count] : behind) {
        if (count < many) continue;
        findings.push_back(
            warning(fmt::format("{} is {} records behind", stage, count),
                    fmt::format("relevo lag; if it grows: relevo run {} on another machine", stage)));
    }
    return or_all_well(std::move(findings), fmt::format("{} records wait in the log", all));
}

Findings stages_have_workers(const Groups& partitions, const Setting&) {
    std::map<std::string, std::int64_t> waiting;  // by the stage that nobody works on
    for (const auto& partition : partitions) {
        if (partition.workers == 0) waiting[partition.stage] += partition.behind + partition.held;
    }
    Findings findings;
    for (const auto& [stage, count] : waiting) {
        const auto text = fmt::format("nobody works on {}, and {} records wait for it", stage, count);
        const auto advice = fmt::format("relevo run {}", stage);
        findings.push_back(count > 0 ? wrong(text, advice) : warning(text, advice));
    }
    return or_all_well(std::move(findings), "every stage has a worker");
}

constexpr Check<Groups> checks_of_groups[] = {
    {"group offsets", offsets_are_set},
    {"workers", stages_have_workers},
    {"lag", groups_keep_up},
};

}  // namespace

std::span<const Check<ClusterFacts>> cluster_checks() {
    return checks;
}

std::span<const Check<Groups>> group_checks() {
    return checks_of_groups;
}

}  // namespace relevo
