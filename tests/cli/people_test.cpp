#include <doctest/doctest.h>

#include <utility>

#include "tests/cli/terminal.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using Told = std::vector<std::string>;

UserId some_user() {
    return *UserId::parse("00000000-0000-4000-8000-000000000001");
}

// Takes down what it is asked to change.
struct FakePeople final : PeopleBook {
    explicit FakePeople(Told& its_told) : told(its_told) {}

    std::vector<UserRow> users(const std::string& shop) override {
        if (shop == "empty") return {};
        return {{some_user(), "ana@example.com", "Ana", "active", {"admin", "seller"}, from_millis(0)}};
    }
    Secret add(const std::string& shop, const std::string& email, const std::string& name,
               const std::vector<std::string>& roles) override {
        std::string line = "add " + shop + " " + email + " " + name;
        for (const auto& role : roles) line += " " + role;
        told.push_back(line);
        return Secret("rlv_ticket_1");
    }
    Secret invite(const std::string& shop, const std::string& user) override {
        told.push_back("invite " + shop + " " + user);
        return Secret("rlv_ticket_2");
    }
    void change(const std::string& shop, const std::string& user, const UserChange& change) override {
        std::string line = "change " + shop + " " + user;
        if (change.email) line += " email " + *change.email;
        if (change.name) line += " name " + *change.name;
        if (change.active) line += *change.active ? " on" : " off";
        if (change.roles) line += " roles " + std::to_string(change.roles->size());
        told.push_back(line);
    }
    void end_sessions(const std::string& shop, const std::string& user) override {
        told.push_back("end " + shop + " " + user);
    }
    std::vector<RoleRow> roles(const std::string&) override {
        return {{"viewer", true, Permissions::known(Told{"agents.read"})}};
    }
    void put_role(const std::string& shop, const std::string& name, const Permissions& permissions) override {
        told.push_back("role " + shop + " " + name + " " + std::to_string(permissions.names().size()));
    }
    void remove_role(const std::string& shop, const std::string& name) override {
        told.push_back("forget " + shop + " " + name);
    }
    std::vector<KeyRow> keys(const std::string& shop) override {
        if (shop == "empty") return {};
        KeyRow key;
        key.name = "website";
        key.scopes = {"agents.read"};
        key.last4 = "beef";
        key.revoked_at = from_millis(1'000);
        return {key};
    }
    IssuedKey add_key(const std::string& shop, const std::string& name, const Permissions& scopes,
                      std::optional<SysTime> expires_at) override {
        told.push_back("key " + shop + " " + name + " " + scopes.names().front() + " " +
                       (expires_at ? to_iso8601(*expires_at) : "for ever"));
        return {ApiKeyId{}, Secret("rlv_key_1"), "ey_1"};
    }
    void revoke_key(const std::string& shop, const std::string& id) override {
        told.push_back("revoke " + shop + " " + id);
    }
    std::vector<AuditRow> changes(const std::string& shop, const AuditQuery& query) override {
        told.push_back("changes '" + shop + "' " + query.action + " " + std::to_string(query.before) + " " +
                       std::to_string(query.limit));
        std::vector<AuditRow> rows;
        std::int64_t id = query.before == 0 ? 2'500 : query.before - 1;
        for (; id > 0 && static_cast<int>(rows.size()) < query.limit; --id) {
            AuditRow row;
            row.id = id;
            row.actor = {"user", "7", "Ana", "", {}};
            row.action = "user.add";
            row.subject = "user:8";
            row.before = "null";
            row.after = R"({"name":"Bea"})";
            rows.push_back(row);
        }
        return rows;
    }

    Told& told;
};

struct FakeRoll final : OperatorRoll {
    explicit FakeRoll(Told& its_told) : told(its_told) {}
    std::vector<OperatorLine> list() override { return {{"1", "Olga", "i", "auth0|1", false, {}}}; }
    std::string add(const std::string& name, const std::string& issuer, const std::string& subject) override {
        told.push_back("operator " + name + " " + issuer + " " + subject);
        return "the id";
    }
    bool end(const std::string& id) override { return id == "1"; }

    Told& told;
};

struct Bench {
    Bench() {
        config =
            folder
                .write("relevo.yaml",
                       "kafka: {brokers: \"none:1\"}\npostgres: {url: \"none\"}\nredis: {url: \"none\"}\n"
                       "master_key_file: none\npipelines: none\nmigrations: none\nconsole: none\n")
                .string();
        backend.people = [this](const Config&) { return std::make_unique<FakePeople>(told); };
        backend.operators = [this](const Config&) { return std::make_unique<FakeRoll>(told); };
        backend.now = [] { return from_millis(0); };
    }
    Printed operator()(std::vector<std::string> words) {
        words.insert(words.begin(), {"--config", config});
        return run_relevo(words, backend);
    }

    Folder folder;
    std::string config;
    Told told;
    Backend backend;
};

int count(const std::string& text, const std::string& part) {
    int found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
}

}  // namespace

TEST_CASE("an invitation goes to standard output alone, for a mail") {
    Bench it;
    CHECK(it({"people", "add", "shop", "ana@example.com", "--role", "admin", "--name", "Ana"}).out ==
          "rlv_ticket_1\n");
    CHECK(it({"people", "invite", "shop", "ana@example.com"}).out == "rlv_ticket_2\n");
    CHECK(it.told == Told{"add shop ana@example.com Ana admin", "invite shop ana@example.com"});
    CHECK(it({"people", "add", "shop", "ana@example.com"}).code == 2);  // with what rights?
}

TEST_CASE("only what is named of a user changes") {
    Bench it;
    CHECK(it({"people", "change", "shop", "ana", "--role", "editor", "--role", "seller"}).code == 0);
    CHECK(it({"people", "change", "shop", "ana", "--no-roles", "--disable"}).code == 0);
    CHECK(it({"people", "change", "shop", "ana", "--enable", "--email", "a@b.example"}).code == 0);
    CHECK(it({"people", "sign-out", "shop", "ana"}).code == 0);
    CHECK(it.told == Told{"change shop ana roles 2", "change shop ana off roles 0",
                          "change shop ana email a@b.example on", "end shop ana"});
    CHECK(it({"people", "change", "shop", "ana"}).code == 2);
    CHECK(it({"people", "change", "shop", "ana", "--enable", "--disable"}).code == 2);
    CHECK(it({"people", "change", "shop", "ana", "--no-roles", "--role", "x"}).code == 2);
    CHECK(it.told.size() == 4);
}

TEST_CASE("users and roles are listed with what they may do") {
    Bench it;
    const auto listed = it({"people", "list", "shop"}).out;
    CHECK(listed.find("ana@example.com") != std::string::npos);
    CHECK(listed.find("admin, seller") != std::string::npos);
    CHECK(it({"people", "list", "shop", "--json"}).out.find(R"("roles":["admin","seller"])") !=
          std::string::npos);
    CHECK(it({"people", "list", "empty"}).out.find("people add empty") != std::string::npos);
    CHECK(it({"people", "list", "empty", "--json"}).out == "[]\n");
    CHECK(it({"people", "roles", "shop"}).out == "viewer (built in): agents.read\n");
    CHECK(it({"people", "put-role", "shop", "seller", "agents.read", "vault.read"}).code == 0);
    CHECK(it({"people", "put-role", "shop", "seller", "agents.fly"}).code == 1);
    CHECK(it({"people", "remove-role", "shop", "seller"}).code == 0);
    CHECK(it.told == Told{"role shop seller 2", "forget shop seller"});
}

TEST_CASE("a key is shown once, when it is made, and never listed") {
    Bench it;
    CHECK(it({"keys", "add", "shop", "website", "--scope", "agents.read", "--for", "90d"}).out ==
          "rlv_key_1\n");
    CHECK(it({"keys", "add", "shop", "website", "--scope", "agents.read"}).code == 0);
    CHECK(it({"keys", "add", "shop", "website", "--scope", "agents.fly"}).code == 1);
    CHECK(it({"keys", "add", "shop", "website"}).code == 2);
    CHECK(it({"keys", "revoke", "shop", "7"}).code == 0);
    CHECK(it.told == Told{"key shop website agents.read 1970-04-01T00:00:00.000Z",
                          "key shop website agents.read for ever", "revoke shop 7"});
    const auto listed = it({"keys", "list", "shop"}).out;
    CHECK(listed.find("…beef website: agents.read; revoked") != std::string::npos);
    CHECK(it({"keys", "list", "shop", "--json"}).out.find(R"("ends_with":"beef")") != std::string::npos);
    CHECK(it({"keys", "list", "empty"}).out == "empty has no API keys\n");
}

TEST_CASE("changes are listed by pages, and all of them for an export") {
    Bench it;
    const auto some = it({"changes", "shop", "--limit", "3"}).out;
    CHECK(count(some, "user.add user:8 Ana (user)") == 3);
    CHECK(some.find("before") == std::string::npos);
    CHECK(some.find(R"(after  {"name":"Bea"})") != std::string::npos);
    CHECK(some.find("the newest 3") != std::string::npos);
    const auto all = it({"changes", "--all", "--json", "--action", "user"}).out;
    CHECK(count(all, "\"id\":") == 2'500);
    CHECK(all.starts_with("[\n{\"id\":2500,"));
    CHECK(all.ends_with("}\n]\n"));
    CHECK(it.told == Told{"changes 'shop'  0 3", "changes '' user 0 1000", "changes '' user 1501 1000",
                          "changes '' user 501 1000"});
}

TEST_CASE("who runs the installation is listed with those who did") {
    Bench it;
    CHECK(it({"operators", "list"}).out == "1 Olga: auth0|1 at i; no more\n");
    CHECK(it({"operators", "add", "Olga", "--issuer", "i", "--subject", "s"}).out == "the id\n");
    CHECK(it.told == Told{"operator Olga i s"});
    CHECK(it({"operators", "add", "Olga", "--issuer", "i"}).code == 2);
    CHECK(it({"operators", "remove", "1"}).code == 0);
    CHECK(it({"operators", "remove", "2"}).code == 1);
}
