#include "benchmarks/installation.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "cli/config.hpp"
#include "postgres/shops.hpp"
#include "postgres/stores.hpp"

extern char** environ;

namespace relevo {
namespace {

std::string from_environment(const char* name) {
    const char* value = std::getenv(name);
    if (!value) throw std::runtime_error(std::string(name) + " is not set; ./dev bench sets it");
    return value;
}

// The configuration with other providers, as a file beside it.
std::string with_providers(const std::string& file, const std::string& providers) {
    if (providers.empty()) return file;
    const std::string changed = file + ".benchmark.yaml";
    std::ifstream in(file);
    std::ofstream out(changed);
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with("providers:")) out << line << '\n';
    }
    out << fmt::format("providers: {{openai: \"{0}/openai/v1\", whatsapp: \"{0}/whatsapp\"}}\n", providers);
    return changed;
}

}  // namespace

Installation::Installation(const std::string& providers)
    : config_file(with_providers(from_environment("RELEVO_BENCH_CONFIG"), providers)),
      program(from_environment("RELEVO_BENCH_RELEVO")),
      config(load_config(config_file).value()),
      pipeline(load_pipeline(config.pipelines / "conversation.yaml").value()),
      database(database_config(config.postgres_url)),
      vault(database, master_keys(config)),
      cluster(KafkaSettings{config.kafka_brokers}),
      id(await(installation_id(database))) {}

Endpoint Installation::add_web_shop(ShopSpec spec) {
    if (!spec.web) spec.web.emplace();
    if (spec.web->key.empty()) spec.web->key = random.hex(16);
    await(apply_shop(database, vault, spec, random));
    return await(make_endpoint_store(database)->find("web", spec.web->key)).value();
}

Endpoint Installation::add_whatsapp_shop(const ShopSpec& spec) {
    const TenantId tenant = await(apply_shop(database, vault, spec, random)).tenant;
    const auto store = make_endpoint_store(database);
    for (const auto& shop : await(list_shops(database, vault))) {
        if (shop.tenant == tenant) return await(store->find("whatsapp", shop.whatsapp->key)).value();
    }
    throw std::runtime_error(spec.slug + " is not among the shops");
}

std::int64_t Installation::unsettled(const std::string& stage) {
    PipelineSpec one = pipeline;
    std::erase_if(one.stages, [&](const StageSpec& spec) { return spec.name != stage; });
    std::int64_t sum = 0;
    for (const auto& partition : cluster.lag(one)) sum += partition.behind + partition.held;
    return sum;
}

RunningStages::RunningStages(const Installation& installation, const std::string& name,
                             std::vector<std::string> arguments) {
    const std::string log =
        std::filesystem::path(installation.config_file).parent_path() / "log" / (name + ".log");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                     0644);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    std::vector<std::string> words{installation.program, "--config", installation.config_file, "run"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const int failed = posix_spawn(&pid_, words.front().c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed) throw std::runtime_error(fmt::format("{} cannot be started", words.front()));
}

RunningStages::~RunningStages() {
    kill(pid_, SIGTERM);
    int status = 0;
    waitpid(pid_, &status, 0);
}

double RunningStages::peak_mib() const {
    std::ifstream file(fmt::format("/proc/{}/status", pid_));
    for (std::string word; file >> word;) {
        double kib = 0;
        if (word == "VmHWM:" && file >> kib) return kib / 1'024;
    }
    throw std::runtime_error("a stage has ended by itself: see its log");
}

double RunningStages::cpu_seconds() const {
    std::ifstream file(fmt::format("/proc/{}/stat", pid_));
    std::string word;
    double user = 0, system = 0;
    for (int i = 0; i < 13; ++i) file >> word;  // proc(5): utime and stime are the 14th and 15th
    file >> user >> system;
    return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace relevo
