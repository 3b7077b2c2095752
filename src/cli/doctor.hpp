#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/config.hpp"
#include "cli/inspection.hpp"
#include "domain/pauses.hpp"
#include "domain/schema.hpp"
#include "runtime/cluster.hpp"
#include "runtime/pipeline.hpp"

// The checks of `relevo doctor`, one small function each, in one list for each thing that is examined: what
// was read goes in, findings come out. doctor.cpp reads and prints.

namespace relevo {

/// skipped: was not examined, and says why. warning: works, but not as it should, or not for long. wrong:
/// somebody's message is, or will be, late, lost or seen by others.
enum class Verdict { ok, skipped, warning, wrong };

struct Finding {
    Verdict verdict = Verdict::ok;
    std::string text;
    std::string advice;  ///< what to do; empty where all is well
    std::string area{};  ///< who was examined, by which check
    std::string check{};
};
using Findings = std::vector<Finding>;

/// What every check may look at besides what it judges.
struct Setting {
    const Config& config;
    const std::vector<PipelineSpec>& pipelines;
    bool offline = false;  ///< no provider was asked
};

template <class Facts>
struct Check {
    std::string_view name;
    Findings (*judge)(const Facts&, const Setting&);
};

/// Judges the files alone.
struct FileFacts {
    std::filesystem::path config_file;
};

std::span<const Check<FileFacts>> file_checks();
std::span<const Check<ClusterFacts>> cluster_checks();
std::span<const Check<std::vector<PartitionLag>>> group_checks();
std::span<const Check<DatabaseFacts>> database_checks();
/// Of a database whose migrations are all applied.
std::span<const Check<DatabaseFacts>> structure_checks();
std::span<const Check<std::vector<MigrationState>>> schema_checks();
std::span<const Check<std::vector<Pause>>> pause_checks();
std::span<const Check<WaitingFacts>> waiting_checks();
std::span<const Check<RedisFacts>> redis_checks();
std::span<const Check<std::vector<CredentialFacts>>> credential_checks();
std::span<const Check<std::vector<AccountFacts>>> account_checks();
std::span<const Check<std::vector<ModelFacts>>> model_checks();
std::span<const Check<HttpResponse>> address_checks();

Finding all_well(std::string text);
Finding skipped(std::string text, std::string advice);
Finding warning(std::string text, std::string advice);
Finding wrong(std::string text, std::string advice);
/// These, or that all is well where there are none.
Findings or_all_well(Findings findings, std::string text);
/// Of a server whose clock is `ahead` of ours.
Findings judge_clock(std::string_view whose, Millis ahead);

}  // namespace relevo
