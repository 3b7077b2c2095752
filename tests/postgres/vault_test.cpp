#include "postgres/vault.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "core/await.hpp"
#include "core/error.hpp"
#include "domain/reserved_category.hpp"
#include "postgres/codec.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

std::string line(int version, char digit) {
    return fmt::format("{}:{}\n", version, std::string(64, digit));
}

// The fixture's shops, and master keys whose text a test can change, as an operator changes the file.
struct Rotating {
    std::mutex mutex;
    std::string text = line(1, '7');
    Fixture it;
    std::shared_ptr<MasterKeys> masters =
        std::make_shared<MasterKeys>(MasterKeySource{"the test's file", [this] {
                                                         const std::lock_guard lock(mutex);
                                                         return text;
                                                     }});
    PostgresVault vault{it.database, masters};

    std::string find(TenantId tenant, const char* category, const char* name) {
        return await(vault.find(tenant, category, name)).reveal();
    }
    void write(const std::string& keys) {
        {
            const std::lock_guard lock(mutex);
            text = keys;
        }
        masters->reload();
    }
    void rotate(const std::string& keys) {
        write(keys);
        await(vault.use_master(masters->newest()));
        for (const TenantId tenant : {it.ballet, it.other}) await(vault.rewrap(tenant));
    }
};

// What an installation has whose secrets were sealed by a release without tenants' keys.
void seal_as_before(Fixture& fixture, TenantId tenant, const char* category, const char* name,
                    const char* value) {
    const auto first = *SealingKey::parse(std::string(64, '7'));
    const std::string sealed =
        "\x01" + first.seal(fmt::format("{}/{}/{}", tenant.value, category, name), Secret(value));
    fixture.test.query(
        fmt::format("INSERT INTO credentials (tenant_id, category, name, sealed) "
                    "VALUES ({}, '{}', '{}', decode('{}', 'hex'))",
                    tenant.value, category, name, to_hex(sealed)));
}

}  // namespace

TEST_CASE("a secret is found in its place, and its row shows nothing of it") {
    Fixture it;
    CHECK(run(it.vault.find(it.ballet, "whatsapp_cloud", "ACCESS_TOKEN")).reveal() == "access token");
    CHECK(run(it.vault.find(it.ballet, "whatsapp_cloud", "NOTHING")).empty());
    CHECK(run(it.vault.find(it.other, "whatsapp_cloud", "ACCESS_TOKEN")).empty());
    CHECK(it.test.query(
              "SELECT count(*) FROM credentials WHERE position('access token'::bytea IN sealed) > 0") == "0");
}

TEST_CASE("a row that was copied to another tenant does not open there") {
    Fixture it;
    it.test.query(
        "INSERT INTO credentials (tenant_id, category, name, sealed, key_version) "
        "SELECT 2, category, name, sealed, key_version FROM credentials "
        "WHERE tenant_id = 1 AND name = 'ACCESS_TOKEN'");
    CHECK_THROWS_AS(run(it.vault.find(it.other, "whatsapp_cloud", "ACCESS_TOKEN")), Failure);
    // not with the key that sealed it either, which somebody copied too
    it.test.query(
        "INSERT INTO tenant_keys SELECT 2, 9, master, wrapped FROM tenant_keys WHERE tenant_id = 1;"
        "UPDATE credentials SET key_version = 9 WHERE tenant_id = 2 AND name = 'ACCESS_TOKEN'");
    CHECK_THROWS_AS(run(it.vault.find(it.other, "whatsapp_cloud", "ACCESS_TOKEN")), Failure);
}

TEST_CASE("another installation's master key opens nothing") {
    Fixture it;
    PostgresVault stranger(it.database, master_keys(std::string(64, '8')));
    CHECK_THROWS_AS(run(stranger.find(it.ballet, "whatsapp_cloud", "ACCESS_TOKEN")), Failure);
}

TEST_CASE("a secret is replaced and removed, and each time the count of changes grows") {
    Fixture it;
    const auto before = run(vault_changes(it.database));
    run(it.vault.put(it.other, {{"smtp", "PASSWORD", Secret("one")}}));
    run(it.vault.put(it.other, {{"smtp", "PASSWORD", Secret("two")}}));
    CHECK(run(it.vault.find(it.other, "smtp", "PASSWORD")).reveal() == "two");
    CHECK(run(vault_changes(it.database)) >= before + 2);
    const auto then = run(vault_changes(it.database));
    CHECK(run(it.vault.remove(it.other, "smtp", "PASSWORD")));
    CHECK_FALSE(run(it.vault.remove(it.other, "smtp", "PASSWORD")));
    CHECK(run(it.vault.find(it.other, "smtp", "PASSWORD")).empty());
    CHECK(run(vault_changes(it.database)) > then);
}

TEST_CASE(
    "what the product keeps for itself is nobody's to state, see or remove, and is sealed anew with the "
    "rest") {
    Fixture it;
    const std::string category(reserved_category);
    const int own = static_cast<int>(run(it.vault.list(it.other)).size());
    CHECK_THROWS_WITH_AS(run(it.vault.put(it.other, {{category, "ERASURE_KEY", Secret("0")}})),
                         doctest::Contains("vault.reserved"), Failure);
    CHECK(run(it.vault.find(it.other, category, "ERASURE_KEY")).empty());
    run(it.vault.add(it.other, {category, "ERASURE_KEY", Secret("drawn")}));
    run(it.vault.add(it.other, {category, "ERASURE_KEY", Secret("another")}));
    CHECK(static_cast<int>(run(it.vault.list(it.other)).size()) == own);
    CHECK_FALSE(run(it.vault.remove(it.other, category, "ERASURE_KEY")));
    CHECK(run(it.vault.rekey(it.other)) == own + 1);
    CHECK(run(it.vault.find(it.other, category, "ERASURE_KEY")).reveal() == "drawn");
}

TEST_CASE("two who keep a shop's first secret at once use one key") {
    Fixture it;
    it.test.query("DELETE FROM credentials; DELETE FROM tenant_keys");
    run_all<int>([&] {
        std::vector<Task<int>> tasks;
        for (int i = 0; i < 8; ++i) {
            tasks.push_back([](PostgresVault& vault, TenantId tenant, int number) -> Task<int> {
                std::vector<StatedCredential> stated{{"many", std::to_string(number), Secret("value")}};
                co_await vault.put(tenant, std::move(stated));
                co_return 0;
            }(it.vault, it.ballet, i));
        }
        return tasks;
    }());
    CHECK(it.test.query("SELECT count(*), max(version) FROM tenant_keys WHERE tenant_id = 1") == "1|1");
    for (int i = 0; i < 8; ++i)
        CHECK(run(it.vault.find(it.ballet, "many", std::to_string(i))).reveal() == "value");
}

TEST_CASE("after a rotation all opens without the old master key") {
    Rotating it;
    it.rotate(line(1, '7') + line(2, '8'));
    CHECK(await(it.vault.masters_of(it.it.ballet)) == std::set<int>{2});
    it.write(line(2, '8'));
    CHECK(it.find(it.it.ballet, "whatsapp_cloud", "ACCESS_TOKEN") == "access token");
    await(it.vault.put(it.it.ballet, {{"openai", "API_KEY", Secret("new")}}));
    CHECK(it.find(it.it.ballet, "openai", "API_KEY") == "new");
}

TEST_CASE("a process that has not heard of a rotation wraps nothing with the old key, and reads on") {
    Rotating it;
    std::string late = line(1, '7');
    PostgresVault behind(it.it.database,
                         std::make_shared<MasterKeys>(MasterKeySource{"a late file", [&] { return late; }}));
    it.it.test.query(
        "DELETE FROM credentials WHERE tenant_id = 2; DELETE FROM tenant_keys WHERE tenant_id = 2");
    it.rotate(line(1, '7') + line(2, '8'));
    CHECK_THROWS_AS(await(behind.put(it.it.other, {{"a", "b", Secret("c")}})), Failure);
    CHECK(it.it.test.query("SELECT count(*) FROM tenant_keys WHERE tenant_id = 2") == "0");
    CHECK_THROWS_AS(await(behind.find(it.it.ballet, "whatsapp_cloud", "ACCESS_TOKEN")), Failure);
    late = it.text;  // its file is brought up to date
    CHECK(await(behind.find(it.it.ballet, "whatsapp_cloud", "ACCESS_TOKEN")).reveal() == "access token");
    await(behind.put(it.it.other, {{"a", "b", Secret("c")}}));
    CHECK(it.find(it.it.other, "a", "b") == "c");
}

TEST_CASE("a shop's new key seals all it has, and the old one is gone") {
    Rotating it;
    const std::string before = it.it.test.query(
        "SELECT string_agg(encode(sealed, 'hex'), ' ') FROM credentials WHERE tenant_id = 2");
    const auto changes = await(vault_changes(it.it.database));
    CHECK(await(it.vault.rekey(it.it.ballet)) > 3);
    CHECK(await(vault_changes(it.it.database)) == changes);  // nobody reads the same secrets again
    CHECK(it.it.test.query("SELECT string_agg(version::text, ' ') FROM tenant_keys WHERE tenant_id = 1") ==
          "2");
    CHECK(it.find(it.it.ballet, "whatsapp_cloud", "ACCESS_TOKEN") == "access token");
    CHECK(it.it.test.query(
              "SELECT string_agg(encode(sealed, 'hex'), ' ') FROM credentials WHERE tenant_id = 2") ==
          before);
}

TEST_CASE("secrets of a release without tenants' keys open, and a rotation seals them with one") {
    Rotating it;
    seal_as_before(it.it, it.it.other, "openai", "API_KEY", "old style");
    CHECK(it.find(it.it.other, "openai", "API_KEY") == "old style");
    CHECK(await(it.vault.masters_of(it.it.other)).contains(1));
    it.rotate(line(1, '7') + line(2, '8'));
    CHECK(await(it.vault.masters_of(it.it.other)) == std::set<int>{2});
    it.write(line(2, '8'));
    CHECK(it.find(it.it.other, "openai", "API_KEY") == "old style");
}

TEST_CASE("nobody fails to read or write while keys are rotated and replaced") {
    Rotating it;
    std::atomic<bool> over{false};
    std::atomic<int> reads{0};
    std::atomic<int> writes{0};
    std::atomic<int> failed{0};
    const auto repeat = [&](const auto& action, std::atomic<int>& count) {
        while (!over) {
            try {
                action();
                ++count;
            } catch (const Failure& failure) {
                MESSAGE(failure.error().code << ": " << failure.error().text);
                ++failed;
            }
        }
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            repeat(
                [&] {
                    if (it.find(it.it.ballet, "whatsapp_cloud", "ACCESS_TOKEN") != "access token") ++failed;
                },
                reads);
        });
    }
    threads.emplace_back([&] {
        repeat(
            [&] {
                await(it.vault.put(it.it.ballet, {{"w", "W", Secret(std::to_string(writes))}}));
            },
            writes);
    });
    std::string keys = line(1, '7');
    for (int round = 2; round < 8; ++round) {
        keys += line(round, static_cast<char>('a' + round - 2));
        it.rotate(keys);
        await(it.vault.rekey(it.it.ballet));
    }
    over = true;
    for (auto& thread : threads) thread.join();
    CHECK(failed == 0);
    CHECK(reads > 10);
    CHECK(writes > 10);
    CHECK(it.it.test.query("SELECT count(*), max(master) FROM tenant_keys WHERE tenant_id = 1") == "1|7");
}
