#include "postgres/migrations.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <pqxx/pqxx>
#include <thread>

#include "postgres/shops.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace fs = std::filesystem;

namespace {

/// A copy of the migrations that a test may change.
class Folder {
  public:
    Folder() : path_(fs::temp_directory_path() / ("relevo_migrations_" + SystemRandom().hex(6))) {
        fs::copy(fs::path(RELEVO_SOURCE_DIR) / "migrations", path_);
    }
    ~Folder() { fs::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    const fs::path& path() const { return path_; }
    void write(const std::string& name, const std::string& sql) const { std::ofstream(path_ / name) << sql; }
    /// Takes away this file and what comes after it.
    void cut(const std::string& from) const {
        std::vector<fs::path> later;
        for (const auto& file : fs::directory_iterator(path_)) {
            if (file.path().filename().string() >= from) later.push_back(file.path());
        }
        REQUIRE_FALSE(later.empty());
        for (const auto& file : later) fs::remove(file);
    }
    std::string last() const {
        std::string last;
        for (const auto& file : fs::directory_iterator(path_))
            last = std::max(last, file.path().filename().string());
        return last;
    }
    /// The number that comes after the last one.
    std::string next() const {
        std::string number = std::to_string(std::stoi(last().substr(0, 4)) + 1);
        return number.insert(0, 4 - number.size(), '0');
    }

  private:
    fs::path path_;
};

template <class Call>
std::string code_of(Call call) {
    try {
        call();
    } catch (const Failure& failure) {
        return failure.error().code;
    }
    return "";
}

}  // namespace

TEST_CASE(
    "migrating twice applies nothing the second time, and two that start together wait for each other") {
    EmptyDatabase empty;
    Folder folder;
    std::size_t applied = 0;
    std::mutex mutex;
    std::vector<std::thread> starts;
    for (int i = 0; i < 3; ++i) {
        starts.emplace_back([&] {
            const std::size_t mine = migrate_up(empty.owner_url(), folder.path()).size();
            const std::lock_guard lock(mutex);
            applied += mine;
        });
    }
    for (auto& start : starts) start.join();
    const auto status = migration_status(empty.app_url(), folder.path());
    CHECK(applied == status.size());
    for (const auto& migration : status) CHECK(migration.applied);
    CHECK(code_of([&] { check_schema(empty.app_url(), folder.path()); }).empty());
}

TEST_CASE("a database that is not migrated, or not to the end, is refused at the start") {
    EmptyDatabase empty;
    Folder folder;
    CHECK(code_of([&] { check_schema(empty.app_url(), folder.path()); }) == "schema.older");
    migrate_up(empty.owner_url(), folder.path());
    folder.write("0099_later.sql", "SELECT 1");
    CHECK(code_of([&] { check_schema(empty.app_url(), folder.path()); }) == "schema.broken");
}

TEST_CASE("an edited migration is refused") {
    EmptyDatabase empty;
    Folder folder;
    migrate_up(empty.owner_url(), folder.path());
    folder.write("0002_conversations.sql", "SELECT 1;");
    CHECK(code_of([&] { migrate_up(empty.owner_url(), folder.path()); }) == "schema.changed");
    CHECK(code_of([&] { check_schema(empty.app_url(), folder.path()); }) == "schema.changed");
}

TEST_CASE("a newer schema is refused, by the start and by migrate") {
    EmptyDatabase empty;
    Folder folder;
    migrate_up(empty.owner_url(), folder.path());
    fs::remove(folder.path() / folder.last());
    CHECK(code_of([&] { migrate_up(empty.owner_url(), folder.path()); }) == "schema.newer");
    CHECK(code_of([&] { check_schema(empty.app_url(), folder.path()); }) == "schema.newer");
}

TEST_CASE("a migration that somebody is in the way of lets others pass and tries again") {
    EmptyDatabase empty;
    Folder folder;
    migrate_up(empty.owner_url(), folder.path());
    const std::string next = folder.next();
    folder.write(next + "_busy.sql", "ALTER TABLE tenants ADD COLUMN x integer");
    pqxx::connection reader(empty.owner_url());
    auto reading = std::make_unique<pqxx::work>(reader);
    reading->exec("LOCK TABLE tenants IN ACCESS SHARE MODE");
    bool gave_way = false;
    std::thread audit([&] {
        // until nobody waits for the table any more, though we hold it still
        pqxx::connection watcher(empty.owner_url());
        pqxx::nontransaction watch(watcher);
        bool waited = false;
        for (int i = 0; i < 600 && !gave_way; ++i) {
            watch.exec("SELECT pg_sleep(0.05)");
            const bool waits = watch.query_value<bool>(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'tenants'::regclass)");
            gave_way = waited && !waits;
            waited = waited || waits;
        }
        reading.reset();
    });
    const auto applied = migrate_up(empty.owner_url(), folder.path());
    audit.join();
    CHECK(gave_way);
    CHECK(applied.size() == 1);
}

TEST_CASE("a migration that fails leaves nothing of itself and all before it") {
    EmptyDatabase empty;
    Folder folder;
    const std::string next = folder.next();
    folder.write(next + "_broken.sql", "CREATE TABLE half (x integer); SELECT 1 / 0;");
    CHECK(code_of([&] { migrate_up(empty.owner_url(), folder.path()); }) == "schema.broken");
    CHECK(code_of([&] { check_schema(empty.app_url(), folder.path()); }) == "schema.older");
    folder.write(next + "_broken.sql", "CREATE TABLE half (x integer)");
    CHECK(migrate_up(empty.owner_url(), folder.path()).size() == 1);
}

TEST_CASE("the start refuses a role that owns the tables or bypasses row-level security") {
    TestDatabase test;
    const fs::path folder = fs::path(RELEVO_SOURCE_DIR) / "migrations";
    CHECK(code_of([&] { check_schema(test.owner_url(), folder); }) == "postgres.unsafe_role");
    CHECK(code_of([&] { check_schema(test.owner_url().substr(0, test.owner_url().find('?')), folder); }) ==
          "postgres.unsafe_role");
    CHECK(code_of([&] { check_schema(test.app_url(), folder); }).empty());
}

TEST_CASE("a catalogue that was there before is searched without its labels too") {
    EmptyDatabase empty;
    Folder before;
    before.cut("0017_");
    migrate_up(empty.owner_url(), before.path());
    Database database({empty.app_url(), 1});
    SystemRandom random;
    PostgresVault vault(database, master_keys());
    ShopSpec spec = ballet_spec();
    spec.whatsapp.reset();  // the vault was another then
    spec.telegram.reset();
    spec.credentials.clear();
    const TenantId shop = run(apply_shop(database, vault, spec, random)).tenant;
    const auto store = make_retrieve_store(database);
    CHECK(run(store->search(shop, "precio del bolso", 5)).size() == 3);
    migrate_up(empty.owner_url(), Folder().path());
    CHECK(run(store->search(shop, "precio del bolso", 5)).size() == 1);
}

TEST_CASE(
    "the default sentence promises nobody, and stays where a person is called or the shop wrote another") {
    EmptyDatabase empty;
    Folder before;
    before.cut("0037_");
    migrate_up(empty.owner_url(), before.path());
    Database database({empty.app_url(), 1});
    SystemRandom random;
    PostgresVault vault(database, master_keys());
    const auto apply = [&](const std::string& slug, bool hands_off, const std::string& sentence) {
        ShopSpec spec = other_spec();
        spec.slug = slug;
        spec.whatsapp.reset();
        spec.telegram.reset();
        spec.agent.hands_off = hands_off;
        spec.fallback_text = sentence;
        spec.synonyms.emplace();  // which that schema wants to be told
        return run(apply_shop(database, vault, spec, random)).tenant;
    };
    std::vector<TenantId> shops{apply("silent", false, ""), apply("calling", true, ""),
                                apply("own", false, "Ahora te escribe Ana.")};
    migrate_up(empty.owner_url(), Folder().path());
    shops.push_back(apply("later", false, ""));
    std::vector<std::string> sentences;
    for (const auto shop : shops) {
        pqxx::connection connection(empty.app_url());
        pqxx::work work(connection);
        work.exec("SELECT set_config('app.tenant_id', $1, true)", pqxx::params{shop.value});
        sentences.push_back(
            work.query_value<std::string>("SELECT fallback_text FROM tenants WHERE id = app_tenant()"));
    }
    CHECK(sentences[0].find("persona") == std::string::npos);
    CHECK(sentences[1].ends_with("En breve te escribe una persona del equipo."));
    CHECK(sentences[2] == "Ahora te escribe Ana.");
    CHECK(sentences[3] == sentences[0]);
}
