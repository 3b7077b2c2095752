#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/backoff.hpp"
#include "core/error.hpp"
#include "runtime/lanes.hpp"

namespace relevo {

// What a pipeline file declares: see pipelines/conversation.yaml.

/// The input of a stage that reads the table of timers rather than a topic.
inline constexpr std::string_view timers_input = "timers";

/// For how long the log may remember: a webhook address that an account left speaks for it no longer, and a
/// record that came in through it would be nobody's.
inline constexpr Millis longest_retention{std::chrono::hours(24 * 14)};

/// Of a topic without anybody's words that must outlive every backup.
inline constexpr Millis kept_forever{-1};

struct TopicSpec {
    std::string name;
    int partitions = 12;  ///< fixed for the topic's life: keys would move
    Millis retention = longest_retention;
    std::int64_t max_message_bytes = 4 << 20;
};

struct StageSpec {
    std::string name;
    std::string group;
    std::string input;  ///< a topic, or "timers": the table
    std::vector<std::string> outputs;
    Lanes::Policy lane = Lanes::Policy::one;
    int workers = 1;  ///< per process
    Lanes::Limits limits;
    Millis stuck_after{100'000};  ///< a handler that runs for longer is cancelled and tried again
    RetrySchedule retry;
};

struct PipelineSpec {
    std::string name;
    std::filesystem::path file;
    Millis expires_after{
        std::chrono::hours(24)};  ///< a record older than this may no longer reach a customer
    std::vector<TopicSpec> topics;
    std::vector<StageSpec> stages;

    const StageSpec* find_stage(std::string_view stage) const;
    const TopicSpec* find_topic(std::string_view topic) const;
};

/// Reads and checks one file. Refuses unknown keys, values out of range, a stage whose topic nobody declares,
/// two stages of one name or group, and a cycle that is not declared as one: "pipeline.invalid", with file,
/// line and column.
Result<PipelineSpec> load_pipeline(const std::filesystem::path& file);

}  // namespace relevo
