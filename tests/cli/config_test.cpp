#include "cli/config.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace relevo {
namespace {

Result<Config> read(const std::string& more) {
    const auto file =
        std::filesystem::temp_directory_path() / ("relevo_config_" + std::to_string(::getpid()) + ".yaml");
    std::ofstream(file)
        << "kafka: {brokers: 'localhost:9092'}\npostgres: {url: 'postgresql://localhost'}\n"
           "redis: {url: 'redis://localhost'}\nmaster_key_file: key\npipelines: p\nmigrations: m\n"
           "console: c\n"
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

}  // namespace relevo
