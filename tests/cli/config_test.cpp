#include "cli/config.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/cli/terminal.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

Result<Config> read(const std::string& more, const std::string& keys = "master_key_file: key") {
    const auto file =
        std::filesystem::temp_directory_path() / ("relevo_config_" + std::to_string(::getpid()) + ".yaml");
    std::ofstream(file) << "kafka: {brokers: 'localhost:9092'}\npostgres: {url: 'postgresql://localhost'}\n"
                           "redis: {url: 'redis://localhost'}\n"
                        << keys << "\npipelines: p\nmigrations: m\nconsole: c\n"
                        << more;
    auto config = load_config(file);
    std::filesystem::remove(file);
    return config;
}

}  // namespace

TEST_CASE("no address of the own network is trusted unless the operator lists it") {
    CHECK(read("")->trusted_addresses.empty());
    CHECK(read("trusted_addresses: []\n")->trusted_addresses.empty());
    CHECK(read("trusted_addresses: ['models.internal:8000', '[::1]:11434']\n")->trusted_addresses ==
          std::vector<std::string>{"models.internal:8000", "[::1]:11434"});
}

TEST_CASE("trusted addresses that are no list are refused with their place") {
    const auto config = read("trusted_addresses: models.internal:8000\n");
    REQUIRE_FALSE(config.has_value());
    CHECK(config.error().code == "config.invalid");
    CHECK(config.error().text.find(":8:20: expected a list of host:port") != std::string::npos);
}

TEST_CASE("master keys come from a file or from a command, and one of both is named") {
    CHECK(read("")->master_key_file == "key");
    CHECK(read("", "master_key_command: pass show relevo")->master_key_command == "pass show relevo");
    CHECK(read("master_key_command: pass show relevo\n").error().text.find("not both") != std::string::npos);
    CHECK(read("", "").error().text.find("key 'master_key_file' is missing") != std::string::npos);
}

TEST_CASE("an app at Meta is named with the file of its secret, and with the page that people come back to") {
    const auto config =
        read("meta: {app_id: 42, app_secret_file: s, redirect_uri: 'https://relevo.example/x'}\n");
    REQUIRE(config.has_value());
    CHECK(config->meta.app_id == "42");
    CHECK(config->meta.app_secret_file == "s");
    CHECK(config->meta.look_every == Millis{30'000});
    CHECK(read("meta: {app_id: '42', redirect_uri: x}\n").error().text.find("the file with its secret") !=
          std::string::npos);
    CHECK(read("meta: {app_id: '42', app_secret_file: s}\n").error().text.find("'redirect_uri' is missing") !=
          std::string::npos);
}

TEST_CASE("how often a worker looks for tokens to refresh is the operator's to say") {
    const auto with = [](const std::string& wait) {
        return read("meta: {redirect_uri: x, look_every: " + wait + "}\n");
    };
    CHECK(with("5s")->meta.look_every == Millis{5'000});
    CHECK(with("0s").error().text.find(":8:37: expected a duration above zero") != std::string::npos);
}

TEST_CASE("a configuration's mistakes are told all at once, each with its place") {
    const Folder folder;
    const auto file = folder.write("relevo.yaml",
                                   "http: {port: 99999, adress: x}\n"
                                   "kafka: {replication: 0}\n"
                                   "postgres: {}\n"
                                   "redis: {url: \"redis://127.0.0.1\"}\n"
                                   "mastr_key_file: x\n");
    const auto config = load_config(file);
    REQUIRE_FALSE(config.has_value());
    const std::string& text = config.error().text;
    CAPTURE(text);
    for (const auto* part : {":1:14: expected a number from 1 to 65535", ":1:21: unknown key 'adress'",
                             ":2:22: expected a number from 1 to 9", "key 'brokers' is missing",
                             "key 'url' is missing", ":5:1: unknown key 'mastr_key_file'",
                             "key 'master_key_file' is missing", "key 'pipelines' is missing"}) {
        CHECK(text.find(part) != std::string::npos);
    }
    CHECK(std::count(text.begin(), text.end(), '\n') == 9);
}

TEST_CASE("a proxy's word counts where the operator lists it") {
    CHECK(read("")->http.proxies.empty());
    CHECK(read("http: {proxies: [127.0.0.1, '::1']}\n")->http.proxies ==
          std::vector<std::string>{"127.0.0.1", "::1"});
    CHECK(read("http: {proxies: 127.0.0.1}\n").error().text.find("expected a list of IP addresses") !=
          std::string::npos);
    CHECK(read("http: {proxies: ['0:0:0:0:0:0:0:1']}\n")->http.proxies == std::vector<std::string>{"::1"});
    for (const auto* none : {"10.0.0.0/8", "balancer"}) {
        const auto refused = read("http: {proxies: ['" + std::string(none) + "']}\n");
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().text.find("expected an IP address") != std::string::npos);
    }
}
