#include "cli/doctor.hpp"

#include "tests/cli/healthy.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

/// The command on an installation of fakes.
struct Clinic : Healthy {
    struct Lags final : Cluster {
        explicit Lags(const Healthy& healthy) : installation(healthy) {}
        std::vector<TopicState> topics(const PipelineSpec&) override { return {}; }
        void apply(const PipelineSpec&, int, const std::function<void(std::string)>&) override {}
        std::vector<PartitionLag> lag(const PipelineSpec&) override { return installation.lag; }
        void find_oldest(std::vector<PartitionLag>&) override {}
        const Healthy& installation;
    };
    struct States final : Schema {
        explicit States(const Healthy& healthy) : installation(healthy) {}
        std::vector<MigrationState> status() override { return installation.schema; }
        std::vector<std::string> up() override { return {}; }
        const Healthy& installation;
    };
    struct Stops final : PauseBook {
        explicit Stops(const Healthy& healthy) : installation(healthy) {}
        std::vector<Pause> list() override { return installation.stopped; }
        void pause(const Pause&) override {}
        bool resume(const std::string&, const std::string&, const std::string&) override { return false; }
        std::int64_t due_timers() override { return 0; }
        const Healthy& installation;
    };
    /// Passes on to the one that the test holds.
    struct Passing final : Inspection {
        explicit Passing(Healthy& healthy) : to(healthy) {}
        ClusterFacts cluster(const std::vector<PipelineSpec>& p) override { return to.cluster(p); }
        DatabaseFacts database() override { return to.database(); }
        WaitingFacts waiting() override { return to.waiting(); }
        RedisFacts redis() override { return to.redis(); }
        std::vector<CredentialFacts> credentials() override { return to.credentials(); }
        std::vector<AccountFacts> accounts(bool ask) override { return to.accounts(ask); }
        std::vector<ModelFacts> models(bool ask) override { return to.models(ask); }
        HttpResponse fetch(const std::string& url) override { return to.fetch(url); }
        Healthy& to;
    };

    Clinic() {
        std::filesystem::create_directory(folder.path() / "pipelines");
        folder.write("pipelines/one.yaml",
                     "pipeline: one\ntopics:\n  turns.ready: {}\n"
                     "stages:\n  infer: {group: relevo.infer, input: turns.ready}\n");
        file = folder.write("relevo.yaml", text());
        std::filesystem::permissions(file, std::filesystem::perms(0600));
        backend.cluster = [this](const Config&) { return std::make_unique<Lags>(*this); };
        backend.schema = [this](const Config&) { return std::make_unique<States>(*this); };
        backend.pauses = [this](const Config&) { return std::make_unique<Stops>(*this); };
        backend.inspection = [this](const Config&) { return std::make_unique<Passing>(*this); };
    }

    std::string text() const {
        const std::string here = folder.path().string();
        return "public_url: https://relevo.example\nkafka: {brokers: k, replication: 3}\n"
               "postgres: {url: u, operator_url: o}\nredis: {url: \"redis://r\"}\n"
               "master_key_file: " +
               here + "/master.key\npipelines: " + here + "/pipelines\nmigrations: " + here +
               "\nconsole: " + here + "\n";
    }

    Printed doctor(std::vector<std::string> words = {}) {
        words.insert(words.begin(), {"--config", file.string(), "doctor"});
        return run_relevo(words, backend);
    }

    std::filesystem::path file;
    Backend backend;
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE_FIXTURE(Clinic, "an installation in which all is well ends with 0 and says what was examined") {
    const auto printed = doctor();
    CAPTURE(printed.out);
    CHECK(printed.code == 0);
    CHECK(has(printed.out, "\n0 wrong, 0 warnings, 0 skipped, "));
    for (const auto* area : {"configuration\n", "\nKafka\n", "\nPostgreSQL\n", "\nwaiting\n", "\nRedis\n",
                             "\nshops\n", "\npublic address\n"}) {
        CHECK(has(printed.out, area));
    }
    CHECK(asked);
    CHECK(models_asked);
    CHECK(fetched == "https://relevo.example/healthz");
}

TEST_CASE_FIXTURE(Clinic,
                  "one thing that is wrong ends with 1, a warning with 0 unless it is asked to be strict") {
    postgres.tenant_tables.front().forced = false;
    CHECK(doctor().code == 1);
    postgres.tenant_tables.front().forced = true;
    held.dead_letters = {{"infer", 1}};
    CHECK(doctor().code == 0);
    CHECK(doctor({"--strict"}).code == 1);
}

TEST_CASE_FIXTURE(Clinic, "a server that is away is one finding, and everything else is still examined") {
    for (const std::string& server : {"kafka", "postgres", "redis", "http"}) {
        away = server;
        const auto printed = doctor();
        CAPTURE(printed.out);
        CHECK(printed.code == 1);
        CHECK(has(printed.out, "\n1 wrong, "));
        CHECK(has(printed.out, server + " is away (" + server + ".unavailable); not examined: "));
        CHECK(has(printed.out, "files exist"));
        CHECK(has(printed.out, "Redis clock") == true);  // as a check or as what was left out
    }
}

TEST_CASE_FIXTURE(Clinic, "where migrations are missing nobody looks for what they make") {
    schema.front().applied = false;
    postgres.missing_indexes = {"timers_due"};
    const auto printed = doctor();
    CHECK(printed.code == 1);
    CHECK(has(printed.out, "relevo migrate up"));
    CHECK_FALSE(has(printed.out, "timers_due"));
}

TEST_CASE_FIXTURE(Clinic,
                  "offline asks no provider and not the public address, and counts neither as all well") {
    asked = models_asked = true;
    known.front().check = {};
    answering.front().check = {};
    const auto printed = doctor({"--offline"});
    CAPTURE(printed.out);
    CHECK(printed.code == 0);
    CHECK_FALSE(asked);
    CHECK_FALSE(models_asked);
    CHECK(fetched == "");
    CHECK(has(printed.out, "\n0 wrong, 0 warnings, 4 skipped, "));
    for (const auto* check : {"tokens", "webhooks", "models", "public address answers"}) {
        CHECK(has(printed.out, fmt::format("\n  skipped  {:<24} ", check)));
    }
    CHECK(doctor({"--offline", "--strict"}).code == 0);
    CHECK(has(doctor({"--offline", "--json"}).out,
              R"("check":"public address answers","verdict":"skipped","text":"it was not asked")"));
}

TEST_CASE_FIXTURE(Clinic, "what depends on something that cannot be read is skipped, not left out") {
    away = "credentials";
    CHECK(has(doctor().out, "\n1 wrong, 0 warnings, 4 skipped, "));
    away = "postgres";
    CHECK(has(doctor().out, "  skipped  dead letters "));
    away = "";
    folder.write("relevo.yaml", [this] {
        std::string without = text();
        return without.erase(without.find(", operator_url: o"), 17);
    }());
    const auto printed = doctor();
    CAPTURE(printed.out);
    CHECK(has(printed.out, "the configuration has no postgres.operator_url"));
    CHECK(has(printed.out, "\n0 wrong, 1 warnings, 4 skipped, "));
}

TEST_CASE_FIXTURE(Clinic, "a pause is a warning that says how to end it") {
    stopped = {{"relay", "", "ana", "wrong prices", {}}};
    const auto printed = doctor();
    CHECK(printed.code == 0);
    CHECK(has(printed.out, "\n0 wrong, 1 warnings, "));
    CHECK(has(printed.out, "> relevo resume relay\n"));
}

TEST_CASE_FIXTURE(Clinic, "every mistake of the configuration and of the pipelines is a finding of its own") {
    folder.write("relevo.yaml", text() + "what: 1\nwhy: 2\n");
    auto printed = doctor();
    CHECK(printed.code == 1);
    CHECK(has(printed.out, "unknown key 'what'"));
    CHECK(has(printed.out, "unknown key 'why'"));
    CHECK(has(printed.out, "\n2 wrong, "));
    folder.write("relevo.yaml", text());
    folder.write("pipelines/two.yaml", "pipeline: two\nstages: {}\n");
    printed = doctor();
    CHECK(printed.code == 1);
    CHECK(has(printed.out, "two.yaml:1:1: key 'topics' is missing"));
    CHECK(has(printed.out, "Kafka version"));
}

TEST_CASE_FIXTURE(Clinic, "as JSON each finding has area, check, verdict, text and advice") {
    held.dead_letters = {{"infer", 2}};
    const auto printed = doctor({"--json"});
    CAPTURE(printed.out);
    CHECK(printed.code == 0);
    CHECK(printed.out.starts_with(
        R"({"wrong":0,"warnings":1,"skipped":0,"findings":[{"area":"configuration","check":"files exist",)"));
    CHECK(has(
        printed.out,
        R"("area":"waiting","check":"dead letters","verdict":"warning","text":"2 dead letters of infer wait",)"
        R"("advice":"relevo dead list --stage infer"})"));
}
