#include <doctest/doctest.h>

#include <filesystem>
#include <iostream>
#include <sstream>

#include "tests/cli/terminal.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using Told = std::vector<std::string>;

// A vault of which a test states what wraps what.
struct FakeVault final : VaultBook {
    FakeVault(VaultState its_state, Told& its_told) : now(std::move(its_state)), told(its_told) {}
    std::vector<CredentialLine> list(const std::string&) override {
        return {{"openai", "API_KEY", "6789", "0123456789abcdef", true, {}},
                {"smtp", "PASSWORD", "", "", false, {}}};
    }
    void put(const std::string& shop, const std::string& category, const std::string& name,
             const Secret& value) override {
        told.push_back("put " + shop + " " + category + " " + name + " " + value.reveal());
    }
    bool remove(const std::string&, const std::string&, const std::string& name) override {
        told.push_back("remove " + name);
        return name == "API_KEY";
    }
    VaultState state() override { return now; }
    int add_master() override {
        told.push_back("add");
        now.keys.push_back(now.keys.back() + 1);
        return now.keys.back();
    }
    void rewrap(const TellShops& tell) override {
        told.push_back("rewrap");
        tell(1, 1);
    }
    std::vector<int> retire() override {
        told.push_back("retire");
        return {1};
    }
    int rekey(const std::string& shop) override {
        told.push_back("rekey " + shop);
        return 3;
    }
    std::vector<std::string> shops() override { return {"one", "two"}; }

    VaultState now;
    Told& told;
};

struct Bench {
    explicit Bench(VaultState state = {{1}, {{1, 2}}}) {
        config =
            folder
                .write("relevo.yaml",
                       "kafka: {brokers: \"none:1\"}\npostgres: {url: \"none\"}\nredis: {url: \"none\"}\n"
                       "master_key_file: none\npipelines: none\nmigrations: none\nconsole: none\n")
                .string();
        backend.vault = [this, state](const Config&) { return std::make_unique<FakeVault>(state, told); };
        backend.new_master_key = [](int version) { return Secret(std::to_string(version) + ":abc"); };
        backend.new_master_key_file = [this](const std::filesystem::path& file, int version) {
            told.push_back("new " + file.string() + " " + std::to_string(version));
        };
    }
    Printed operator()(std::vector<std::string> words, const std::string& input = "") {
        words.insert(words.begin(), {"--config", config});
        std::istringstream given(input);
        auto* const before = std::cin.rdbuf(given.rdbuf());
        Printed printed = run_relevo(words, backend);
        std::cin.rdbuf(before);
        return printed;
    }

    Folder folder;
    std::string config;
    Told told;
    Backend backend;
};

}  // namespace

TEST_CASE("a value comes from standard input, without the line end of its file") {
    Bench it;
    const auto replaced = it({"vault", "put", "shop", "openai", "API_KEY"}, "sk-1\r\n");
    CHECK(replaced.code == 0);
    CHECK(replaced.err == "openai API_KEY of shop is replaced\n");
    CHECK(it.told == Told{"put shop openai API_KEY sk-1"});
    CHECK(it({"vault", "put", "shop", "openai", "API_KEY"}, "\n").code == 2);
    CHECK(it({"vault", "put", "shop", "openai", "API_KEY"}, std::string(70'000, 'k')).code == 2);
    CHECK(it({"vault", "put", "shop", "", "API_KEY"}, "sk-1").code == 2);
    CHECK(it.told.size() == 1);
}

TEST_CASE("a value under a name that the shop did not have is said to be new, beside those that it has") {
    Bench it;
    const auto added = it({"vault", "put", "shop", "opneai", "API_KEY"}, "sk-1");
    CHECK(added.code == 0);
    CHECK(added.err == "opneai API_KEY is new; beside it shop has: openai API_KEY, smtp PASSWORD\n");
}

TEST_CASE("what a shop has is listed by its end and fingerprint, and what does not open fails the command") {
    Bench it;
    const auto listed = it({"vault", "list", "shop"});
    CHECK(listed.code == 1);
    CHECK(listed.out.find("…6789") != std::string::npos);
    CHECK(listed.out.find("put it again") != std::string::npos);
    CHECK(it({"vault", "list", "shop", "--json"}).out.find(R"("ends_with":"6789")") != std::string::npos);
}

TEST_CASE("nothing is removed or retired without --yes") {
    Bench it;
    CHECK(it({"vault", "remove", "shop", "openai", "API_KEY"}).code == 0);
    CHECK(it({"vault", "remove", "shop", "openai", "OTHER"}).code == 1);  // there is none to remove
    CHECK(it({"vault", "retire"}).code == 0);
    CHECK(it.told.empty());
    CHECK(it({"vault", "remove", "shop", "openai", "API_KEY", "--yes"}).code == 0);
    CHECK(it({"vault", "remove", "shop", "openai", "OTHER", "--yes"}).code == 1);
    CHECK(it({"vault", "retire", "--yes"}).out == "retired: 1\n");
    CHECK(it.told == Told{"remove API_KEY", "remove OTHER", "retire"});
}

TEST_CASE("a master key that shops need and the file has no more is shown with what to do") {
    Bench it(VaultState{{2}, {{1, 3}, {2, 1}}});
    const auto shown = it({"vault", "state"});
    CHECK(shown.code == 0);
    CHECK(shown.out.find("master key 2: 1 shops, the newest\n") != std::string::npos);
    CHECK(shown.out.find("master key 1: 3 shops, MISSING: nothing that it wraps opens; put its line back") !=
          std::string::npos);
    CHECK(Bench()({"vault", "state"}).out == "master key 1: 2 shops, the newest\n");
}

TEST_CASE("a rotation makes a key and wraps all with it") {
    Bench it;
    CHECK(it({"vault", "rotate"}).code == 0);
    CHECK(it.told == Told{"add", "rewrap"});
}

TEST_CASE("a rotation that was cut off, or prepared, is finished with the key that it made") {
    for (const VaultState& state : {VaultState{{1, 2}, {{1, 1}, {2, 1}}}, VaultState{{1, 2}, {{1, 2}}}}) {
        Bench it(state);
        CHECK(it({"vault", "rotate"}).code == 0);
        CHECK(it.told == Told{"rewrap"});
    }
}

TEST_CASE("a prepared key waits until the file is everywhere") {
    Bench it;
    CHECK(it({"vault", "rotate", "--prepare"}).code == 0);
    CHECK(it.told == Told{"add"});
}

TEST_CASE("one shop gets a new key, or every one") {
    Bench it;
    CHECK(it({"vault", "rekey", "shop"}).code == 0);
    CHECK(it({"vault", "rekey", "--all"}).code == 0);
    CHECK(it.told == Told{"rekey shop", "rekey one", "rekey two"});
    CHECK(it({"vault", "rekey"}).code == 2);
    CHECK(it({"vault", "rekey", "shop", "--all"}).code == 2);
}

TEST_CASE("a drawn master key goes to standard output or to a new file") {
    Bench it;
    CHECK(it({"keygen", "--version", "7"}).out == "7:abc\n");
    CHECK(it({"keygen", "master.key"}).out.empty());
    CHECK(it({"keygen", "master.key", "--version", "2"}).code == 0);
    CHECK(it.told == Told{"new master.key 1", "new master.key 2"});
}
