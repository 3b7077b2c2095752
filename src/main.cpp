#include <pwd.h>
#include <sodium.h>
#include <unistd.h>

#include "cli/command_line.hpp"
#include "domain/agent_rules.hpp"
#include "kafka/admin.hpp"
#include "postgres/agents.hpp"
#include "postgres/migrations.hpp"
#include "postgres/money_book.hpp"
#include "postgres/operator_books.hpp"
#include "postgres/operator_session.hpp"
#include "postgres/pauses.hpp"
#include "postgres/shops.hpp"
#include "process/agent_book.hpp"
#include "process/core_dumps.hpp"
#include "process/inspection.hpp"
#include "process/people_book.hpp"
#include "process/person_book.hpp"
#include "process/replay_stage.hpp"
#include "process/replay_turns.hpp"
#include "process/run.hpp"
#include "process/shared.hpp"
#include "process/stage_thread.hpp"
#include "process/vault_book.hpp"

namespace relevo {
namespace {

// The database's tables for the command line.
class PostgresSchema final : public Schema {
  public:
    explicit PostgresSchema(const Config& config)
        : url_(config.postgres_owner_url.empty() ? config.postgres_url : config.postgres_owner_url),
          folder_(config.migrations) {}
    std::vector<MigrationState> status() override {
        std::vector<MigrationState> out;
        for (const auto& migration : migration_status(url_.reveal(), folder_)) {
            out.push_back({migration.version, migration.name, migration.applied});
        }
        return out;
    }
    std::vector<std::string> up() override { return migrate_up(url_.reveal(), folder_); }

  private:
    Secret url_;
    std::filesystem::path folder_;
};

class PostgresShops final : public ShopBook {
  public:
    PostgresShops(const Config& config, const std::string& user)
        : database_(operator_database(config.postgres_url, user)),
          vault_(database_, master_keys(config)),
          means_(agent_means(config)) {}
    ShopApplied apply(const ShopSpec& shop, ApplyMode mode) override {
        ShopApplied applied = await(apply_shop(database_, vault_, shop, random_, mode));
        if (!applied.done || !applied.agent) return applied;
        const auto surroundings = await(agent_surroundings(database_, applied.tenant, shop.slug, means_));
        // It is made all the same: the vault takes no key of a shop that is not there.
        if (const auto lacks = refuse_agent(*applied.agent, surroundings)) applied.remark = lacks->text;
        return applied;
    }
    std::int64_t redrive_waiting(TenantId shop) override {
        return await(relevo::redrive_waiting(database_, shop));
    }
    std::vector<ShopListing> list() override { return await(list_shops(database_, vault_)); }
    ShopStanding standing(const std::string& slug) override { return await(shop_standing(database_, slug)); }
    ShopStanding retire(const std::string& slug) override { return await(retire_shop(database_, slug)); }

  private:
    Database database_;
    PostgresVault vault_;
    AgentMeans means_;
    SystemRandom random_;
};

OperatorUrls operator_urls(const Config& config) {
    return {config.postgres_operator_url, config.postgres_operator_text_url};
}

std::string user_name() {
    const passwd* user = ::getpwuid(::geteuid());
    return user ? user->pw_name : std::to_string(::geteuid());
}

class PostgresPauseBook final : public PauseBook {
  public:
    PostgresPauseBook(const Config& config, const std::string& user)
        : database_(operator_database(config.postgres_url, user)) {}
    std::vector<Pause> list() override { return await(list_pauses(database_)); }
    void pause(const Pause& pause) override { await(relevo::pause(database_, pause)); }
    bool resume(const std::string& stage, const std::string& topic, const std::string& shop) override {
        return await(relevo::resume(database_, stage, topic, shop));
    }
    std::int64_t due_timers() override { return await(count_due_timers(database_, SystemClock().now())); }

  private:
    Database database_;
};

// What people wrote is read by whoever may read it.
const Secret& text_url(const Config& config) {
    if (!config.postgres_operator_text_url.empty()) return config.postgres_operator_text_url;
    throw Failure({Fault::permanent, "operator.no_text_right",
                   "it reads what people wrote: the configuration needs postgres.operator_text_url"});
}

Backend make_backend() {
    Backend backend;
    backend.version = RELEVO_VERSION;
    backend.stages = StageThread::stage_names();
    backend.agent_means = agent_means;
    backend.cluster = [](const Config& config) {
        return std::make_unique<KafkaAdmin>(kafka_settings(config));
    };
    backend.schema = [](const Config& config) { return std::make_unique<PostgresSchema>(config); };
    const std::string user = user_name();
    backend.shops = [user](const Config& config) { return std::make_unique<PostgresShops>(config, user); };
    backend.vault = [user](const Config& config) { return make_vault_book(config, user); };
    backend.agents = [user](const Config& config) { return make_agent_book(config, user); };
    backend.persons = [user](const Config& config) { return make_person_book(config, user); };
    backend.people = [user](const Config& config) { return make_people_book(config, user); };
    backend.operators = [user](const Config& config) { return make_operator_roll(config, user); };
    backend.new_master_key = new_master_key;
    backend.new_master_key_file = new_master_key_file;
    backend.letters = [](const Config& config) {
        return make_letter_book(operator_urls(config), database_config(config.postgres_url));
    };
    backend.stories = [](const Config& config, bool with_text) {
        return make_story_book(operator_urls(config), with_text);
    };
    backend.audits = [](const Config& config) { return make_audit_book(operator_urls(config)); };
    backend.money = [user](const Config& config) {
        return make_money_book(operator_database(config.postgres_url, user));
    };
    backend.usage = [](const Config& config) { return make_usage_book(operator_urls(config)); };
    backend.now = [] { return SystemClock().now(); };
    backend.user = user;
    backend.pauses = [user](const Config& config) {
        return std::make_unique<PostgresPauseBook>(config, user);
    };
    backend.replay_stage = [](const Config& config, const StageReplay& request, const TellReplayed& tell) {
        replay_stage(config, channel_limits(), master_keys(config), request, tell);
    };
    backend.replay_turns = [](const Config& config, const TurnReplay& replay, const TellTurn& tell) {
        ModelSettings models = model_settings(config);
        models.offline_pause = Millis{0};  // nobody reads along
        if (!replay.shop.empty())
            OperatorSession(text_url(config), operator_text_setting).require_shop(replay.shop);
        return replay_turns(text_url(config), master_keys(config), models, client_limits(config), replay,
                            tell);
    };
    backend.check_text_right = [](const Config& config) {
        OperatorSession(text_url(config), operator_text_setting).require_role("relevo_operator_text");
    };
    backend.inspection = make_inspection;
    backend.run = [](const Config& config, const std::vector<PipelineSpec>& pipelines,
                     const RunOptions& options) { return run(config, pipelines, options); };
    return backend;
}

}  // namespace
}  // namespace relevo

int main(int argc, char** argv) {
    relevo::forbid_core_dumps();
    if (sodium_init() < 0) return 1;
    return relevo::run_command_line(argc, argv, relevo::make_backend());
}
