#pragma once

#include <sys/types.h>
#include <string>
#include <utility>
#include <vector>

#include "core/random.hpp"
#include "domain/gateway_stores.hpp"
#include "domain/shop.hpp"
#include "kafka/admin.hpp"
#include "process/shared.hpp"

namespace relevo {

/// The installation that a benchmark of the whole pipeline runs on. `./dev bench` has made its schema and
/// topics; RELEVO_BENCH_CONFIG names its configuration, RELEVO_BENCH_RELEVO the program.
class Installation {
  public:
    /// `providers`, if any: the base address of servers that play all providers (ADDRESS/openai/v1,
    /// ADDRESS/whatsapp).
    explicit Installation(const std::string& providers = "");

    /// Makes the shop and gives the address of its web chat.
    Endpoint add_web_shop(ShopSpec spec);
    /// Makes the shop and gives the webhook address of its numbers.
    Endpoint add_whatsapp_shop(const ShopSpec& spec);
    /// Records of the stage's input that its group has not settled; of wake, timers that are due.
    std::int64_t unsettled(const std::string& stage);

    const std::string config_file;
    const std::string program;
    const Config config;
    const PipelineSpec pipeline;
    Database database;
    PostgresVault vault;
    KafkaAdmin cluster;
    SystemRandom random;
    const std::string id;
};

/// `relevo run ARGUMENTS` as a process of its own; its end is the process's SIGTERM. Its log goes to a file
/// beside the configuration.
class RunningStages {
  public:
    RunningStages(const Installation& installation, const std::string& name,
                  std::vector<std::string> arguments);
    ~RunningStages();
    RunningStages(const RunningStages&) = delete;
    RunningStages& operator=(const RunningStages&) = delete;

    /// The most memory that it had until now, in MiB (VmHWM of proc(5)).
    double peak_mib() const;
    double cpu_seconds() const;

  private:
    pid_t pid_;
};

}  // namespace relevo
