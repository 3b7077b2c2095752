#pragma once

#include <algorithm>

#include "cli/doctor.hpp"
#include "tests/cli/terminal.hpp"

namespace relevo::testing {

/// An installation in which all is well; a test breaks one thing of it.
struct Healthy : Inspection {
    Healthy() {
        config.public_url = "https://relevo.example";
        config.kafka_brokers = "kafka:9092";
        config.replication = 3;
        config.postgres_url = Secret("postgresql://relevo_app@db/relevo");
        config.postgres_operator_url = Secret("postgresql://relevo_operator@db/relevo");
        config.redis_url = "redis://redis";
        config.master_key_file = folder.write("master.key", std::string(64, '7'));
        config.pipelines = folder.path();
        config.migrations = folder.path();
        config.console = folder.path();
        std::filesystem::permissions(config.master_key_file, std::filesystem::perms(0600));
        config_file = folder.write("relevo.yaml.txt", "");
        std::filesystem::permissions(config_file, std::filesystem::perms(0600));

        PipelineSpec pipeline;
        pipeline.name = "conversation";
        pipeline.topics = {{.name = "turns.ready", .partitions = 12}};
        StageSpec stage;
        stage.name = "infer";
        stage.group = "relevo.infer";
        stage.input = "turns.ready";
        pipeline.stages = {stage};
        pipelines = {pipeline};

        const ServerSettings broker{{"group.coordinator.rebalance.protocols", "classic,consumer,streams"},
                                    {"offsets.retention.minutes", "21600"},
                                    {"group.consumer.session.timeout.ms", "6000"},
                                    {"group.consumer.heartbeat.interval.ms", "500"},
                                    {"auto.create.topics.enable", "false"},
                                    {"unclean.leader.election.enable", "false"}};
        kafka.brokers = {{1, broker}, {2, broker}, {3, broker}};
        kafka.topics = {{.name = "turns.ready",
                         .partitions = 12,
                         .replicas = 3,
                         .settings = {{"message.timestamp.type", "LogAppendTime"},
                                      {"cleanup.policy", "delete"},
                                      {"retention.ms", "1209600000"},
                                      {"retention.bytes", "-1"},
                                      {"max.message.bytes", "4194304"},
                                      {"min.insync.replicas", "2"}}}};
        lag = {{"infer", "relevo.infer", "turns.ready", 0, 10, 10, 0, 0}};
        postgres.version = 150'004;
        postgres.extensions = {{"vector", "0.8.0"}, {"unaccent", "1.1"}, {"pg_trgm", "1.6"}};
        postgres.settings = {{"autovacuum", "on"},        {"fsync", "on"},
                             {"full_page_writes", "on"},  {"in_recovery", "false"},
                             {"max_connections", "200"},  {"server_encoding", "UTF8"},
                             {"synchronous_commit", "on"}};
        postgres.process.name = "relevo_app";
        postgres.tenant_tables = {{"messages", true, true, true}, {"tenants", true, true, true}};
        postgres.connections = 20;
        schema = {{1, "0001_tenants", true}};
        held.role.name = "relevo_operator";
        cache = {"7.0.15", "allkeys-lru", 256 << 20, Millis{0}};
        sealed = {{"ballet", "telegram", "BOT_TOKEN", true}};
        AccountCheck check;
        check.token = AccountCheck::Token::valid;
        check.webhook = "https://relevo.example/webhooks/telegram/k";
        known = {{"ballet", "telegram", "777", "/webhooks/telegram/k", true, check}};
        ModelFacts model;
        model.shop = "ballet";
        model.provider = "openai";
        model.model = "small";
        model.credentials = "openai";
        model.check.state = ModelCheck::State::known;
        answering = {model};
    }

    ClusterFacts cluster(const std::vector<PipelineSpec>&) override { return answer("kafka", kafka); }
    DatabaseFacts database() override { return answer("postgres", postgres); }
    WaitingFacts waiting() override { return answer("waiting", held); }
    RedisFacts redis() override { return answer("redis", cache); }
    std::vector<CredentialFacts> credentials() override { return answer("credentials", sealed); }
    std::vector<AccountFacts> accounts(bool ask) override {
        asked = ask;
        return answer("accounts", known);
    }
    std::vector<ModelFacts> models(bool ask) override {
        models_asked = ask;
        return answer("models", answering);
    }
    HttpResponse fetch(const std::string& url) override {
        fetched = url;
        return answer("http", healthz);
    }

    template <class Facts>
    const Facts& answer(const std::string& who, const Facts& facts) {
        if (away == who) throw Failure({Fault::transient, who + ".unavailable", who + " is away"});
        return facts;
    }

    Setting setting() const { return {config, pipelines, offline}; }

    Folder folder;
    Config config;
    std::filesystem::path config_file;
    std::vector<PipelineSpec> pipelines;
    ClusterFacts kafka;
    std::vector<PartitionLag> lag;
    DatabaseFacts postgres;
    std::vector<MigrationState> schema;
    WaitingFacts held;
    RedisFacts cache;
    std::vector<CredentialFacts> sealed;
    std::vector<AccountFacts> known;
    std::vector<ModelFacts> answering;
    std::vector<Pause> stopped;
    HttpResponse healthz;
    std::string away;  ///< who does not answer
    bool offline = false;
    bool asked = false;
    bool models_asked = false;
    std::string fetched;
};

/// What the checks say besides that all is well: "check: verdict: text > advice", a line each.
template <class Facts>
std::string complaints(std::span<const Check<Facts>> checks, const Facts& facts,
                       const Healthy& installation) {
    std::string out;
    for (const auto& check : checks) {
        const auto findings = check.judge(facts, installation.setting());
        REQUIRE_FALSE(findings.empty());
        for (const auto& finding : findings) {
            if (finding.verdict == Verdict::ok) {
                CHECK(finding.advice.empty());
                continue;
            }
            CHECK_FALSE(finding.advice.empty());
            const char* verdict = finding.verdict == Verdict::wrong     ? ": wrong: "
                                  : finding.verdict == Verdict::warning ? ": warning: "
                                                                        : ": skipped: ";
            out += std::string(check.name) + verdict + finding.text + " > " + finding.advice + "\n";
        }
    }
    return out;
}

/// Exactly one complaint, by this check, of this verdict, that holds these words.
inline void check_one(const std::string& complaints, const std::string& begins,
                      const std::vector<std::string>& words) {
    CAPTURE(complaints);
    CHECK(complaints.starts_with(begins));
    CHECK(std::count(complaints.begin(), complaints.end(), '\n') == 1);
    for (const auto& word : words) CHECK(complaints.find(word) != std::string::npos);
}

}  // namespace relevo::testing
