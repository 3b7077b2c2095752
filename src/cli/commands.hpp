#pragma once

#include <string>
#include <vector>

#include "cli/command_line.hpp"

namespace relevo {

// One file a command. Each prints to standard output and returns the exit code; what goes wrong is thrown as
// Failure.

int list_topics(Cluster& cluster, const std::vector<PipelineSpec>& pipelines, bool json);
int apply_topics(Cluster& cluster, const std::vector<PipelineSpec>& pipelines, int replication);
int show_lag(Cluster& cluster, const std::vector<PipelineSpec>& pipelines, bool json);
int show_migrations(Schema& schema, bool json);
int apply_migrations(Schema& schema);
/// `files` are pipelines; none means the configuration and the pipelines it names. `stages`: what they may name.
int check_files(const std::string& config_file, const std::vector<std::string>& files,
                const std::vector<std::string>& stages);

struct ShopOptions {
    std::vector<std::string> files;
    int quiet_ms = -1;  ///< replaces every agent's; -1: as the files say
    std::string model_url;
    std::string model;
    std::string model_key_file;
    bool json = false;
};
int apply_shops(ShopBook& shops, const Config& config, const ShopOptions& options);
int list_shops(ShopBook& shops, const Config& config, bool json);

}  // namespace relevo
