#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/config.hpp"
#include "cli/inspection.hpp"
#include "domain/agent_book.hpp"
#include "domain/agent_means.hpp"
#include "domain/money_book.hpp"
#include "domain/operator.hpp"
#include "domain/pauses.hpp"
#include "domain/people_book.hpp"
#include "domain/person_book.hpp"
#include "domain/schema.hpp"
#include "domain/shop.hpp"
#include "domain/turn_replay.hpp"
#include "domain/vault_book.hpp"
#include "runtime/cluster.hpp"
#include "runtime/replay.hpp"

namespace relevo {

/// What `relevo run` was asked to do.
struct RunOptions {
    std::vector<std::string> stages;  ///< empty: all, ingress among them
    int workers = 0;                  ///< per stage; 0: what the pipeline file says
    std::uint16_t http_port = 0;      ///< 0: the configuration's, or a free one where that is taken
    bool demo = false;
};

/// What the commands work on; main.cpp provides it.
struct Backend {
    std::string version;
    std::vector<std::string> stages;  ///< what a pipeline may name
    std::function<AgentMeans(const Config&)> agent_means;
    std::function<std::unique_ptr<Cluster>(const Config&)> cluster;
    std::function<std::unique_ptr<Schema>(const Config&)> schema;
    std::function<std::unique_ptr<ShopBook>(const Config&)> shops;
    std::function<std::unique_ptr<VaultBook>(const Config&)> vault;
    std::function<std::unique_ptr<AgentBook>(const Config&)> agents;
    std::function<std::unique_ptr<PersonBook>(const Config&)> persons;
    std::function<Secret(int version)> new_master_key;  ///< its line, for a key store
    /// A new file with one: never over another.
    std::function<void(const std::filesystem::path&, int version)> new_master_key_file;
    std::function<std::unique_ptr<PeopleBook>(const Config&)> people;
    std::function<std::unique_ptr<OperatorRoll>(const Config&)> operators;
    std::function<std::unique_ptr<LetterBook>(const Config&)> letters;
    std::function<std::unique_ptr<StoryBook>(const Config&, bool with_text)> stories;
    std::function<std::unique_ptr<AuditBook>(const Config&)> audits;
    std::function<std::unique_ptr<MoneyBook>(const Config&)> money;
    std::function<std::unique_ptr<UsageBook>(const Config&)> usage;
    std::function<SysTime()> now;
    std::string user;  ///< who types the command: noted where something is changed
    std::function<std::unique_ptr<PauseBook>(const Config&)> pauses;
    std::function<void(const Config&, const StageReplay&, const TellReplayed&)> replay_stage;
    /// False where a signal ended it.
    std::function<bool(const Config&, const TurnReplay&, const TellTurn&)> replay_turns;
    /// Throws Failure "operator.no_text_right" where the configuration names nobody who may read messages.
    std::function<void(const Config&)> check_text_right;
    std::function<std::unique_ptr<Inspection>(const Config&)> inspection;
    /// Blocks until a signal; the exit code.
    std::function<int(const Config&, const std::vector<PipelineSpec>&, const RunOptions&)> run;
};

/// Exit codes: 0 done; 1 failed, or what it shows is wrong; 2 used wrongly.
int run_command_line(int argc, const char* const* argv, const Backend& backend);

}  // namespace relevo
