#include "cli/command_line.hpp"

#include <doctest/doctest.h>

#include "core/log.hpp"
#include "tests/cli/terminal.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct Bench {
    Bench() {
        backend.vault = [](const Config&) -> std::unique_ptr<VaultBook> {
            log_warn("postgres.unavailable", {{"text", "away"}});  // as the pool does
            throw Failure({Fault::transient, "postgres.unavailable", "away"});
        };
        backend.run = [](const Config&, const auto&, const RunOptions&) {
            log_warn("postgres.unavailable", {{"text", "away"}});
            return 0;
        };
        folder.write("pipeline.yaml", "pipeline: one\ntopics: {}\nstages: {}\n");
        config = folder
                     .write("relevo.conf",  // in the folder of the pipelines, and none of them
                            "kafka: {brokers: b}\npostgres: {url: u}\nredis: {url: r}\nmaster_key_file: m\n"
                            "pipelines: " +
                                folder.path().string() + "\nmigrations: m\nconsole: c\n")
                     .string();
    }
    ~Bench() { set_log_level(LogLevel::info); }
    Printed operator()(std::vector<std::string> words) {
        words.insert(words.begin(), {"--config", config});
        return run_relevo(words, backend);
    }
    Folder folder;
    std::string config;
    Backend backend;
};

}  // namespace

TEST_CASE("what failed is 1 and what was used wrongly is 2, whoever notices it") {
    Bench relevo;
    CHECK(relevo({"vault", "list", "shop"}).code == 1);
    CHECK(relevo({"vault", "list"}).code == 2);
    CHECK(relevo({"nonsense"}).code == 2);
    CHECK(relevo({"lag", "--interval", "-1"}).code == 2);
    CHECK(relevo({"replay", "turns.ready"}).code == 2);
    CHECK(relevo({"replay", "--last", "3", "--conversation", "nonsense"}).code == 2);
    CHECK(relevo({"nonsense"}).err.find("there is no command 'nonsense'") != std::string::npos);
    const auto help = relevo({"--help"});
    CHECK(help.code == 0);
    CHECK(help.out.find("Exit codes: 0") != std::string::npos);
}

TEST_CASE("with --json an error is one JSON object, also where the line could not be read") {
    Bench relevo;
    CHECK(relevo({"vault", "list", "shop", "--json"}).err ==
          "{\"error\":{\"code\":\"postgres.unavailable\",\"text\":\"away\"}}\n");
    const auto misused = relevo({"vault", "list", "--json"});
    CHECK(misused.code == 2);
    CHECK(misused.out.empty());
    CHECK(misused.err.starts_with("{\"error\":{\"code\":\"usage.invalid\",\"text\":\"shop is required"));
    CHECK(misused.err.find('\n') == misused.err.size() - 1);
}

TEST_CASE("a command that ends says once what failed, and the log is for one that goes on") {
    Bench relevo;
    CHECK(relevo({"vault", "list", "shop"}).err == "relevo: away (postgres.unavailable)\n");
    CHECK(relevo({"run"}).err.find("\"event\":\"postgres.unavailable\"") != std::string::npos);
}
