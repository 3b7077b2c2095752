#include <doctest/doctest.h>

#include "tests/cli/terminal.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using Told = std::vector<std::string>;

const std::string other = "33333333-3333-8333-8333-333333333333";

struct FakePersons final : PersonBook {
    explicit FakePersons(Told& its_told) : told(its_told) {}
    KnownPerson find(const std::string& shop, const PersonName& name) override {
        told.push_back("find " + shop + " " + name.contact + name.channel + "|" + name.address);
        if (name.address == "nobody") return {};
        return {"11111111-1111-8111-8111-111111111111",
                {{"wa_id", "5491155550001"}, {"wa_user", "AR.1"}, {"contact", other}},
                {{"messages", 1'200}, {"turns", 0}},
                {"11111111-1111-8111-8111-111111111111", other}};
    }
    Erased erase(const std::string& shop, const PersonName& name, const std::string& by,
                 const TellLooked& tell) override {
        told.push_back("erase " + shop + " " + name.channel + " by " + by);
        tell(1);
        return {
            "22222222-2222-8222-8222-222222222222", from_millis(1'763'700'000'000), {{"messages", 1'201}}};
    }
    void write(const std::string& shop, const PersonName& name, const WriteText& out) override {
        told.push_back("write " + shop + " " + name.channel);
        out("{\"a\":");
        out("1}");
    }
    std::int64_t reapply() override { return 3; }

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
        backend.persons = [this](const Config&) { return std::make_unique<FakePersons>(told); };
        backend.check_text_right = [this](const Config&) {
            if (!may_read)
                throw Failure(
                    {Fault::permanent, "operator.no_text_right", "it may not read what people wrote"});
        };
        backend.user = "olga";
    }
    Printed operator()(std::vector<std::string> words) {
        words.insert(words.begin(), {"--config", config});
        return run_relevo(words, backend);
    }

    Folder folder;
    std::string config;
    Told told;
    bool may_read = true;
    Backend backend;
};

bool has(const Printed& printed, const std::string& text) {
    return printed.out.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("an erasure shows first what there is, and erases with --yes only") {
    Bench it;
    const auto shown = it({"person", "erase", "pointe", "whatsapp:+54 9 11 5555-0001"});
    CHECK(shown.code == 0);
    CHECK(has(shown, "known as 5491155550001, AR.1\n"));
    CHECK(has(shown, "with contact " + other + ","));
    CHECK(has(shown, "messages       1,200"));
    CHECK_FALSE(has(shown, "turns"));
    CHECK(has(shown, "Nothing was erased"));
    CHECK(it.told == Told{"find pointe whatsapp|+54 9 11 5555-0001"});
    const auto done = it({"person", "erase", "pointe", "whatsapp:+54 9 11 5555-0001", "--yes"});
    CHECK(done.code == 0);
    CHECK(has(done, "1,201"));
    CHECK(has(done, "22222222-2222-8222-8222-222222222222"));
    CHECK(it.told.back() == "erase pointe whatsapp by olga");
}

TEST_CASE("an erasure tells other programs what it would do, and what it did") {
    Bench it;
    const std::string id = "11111111-1111-8111-8111-111111111111";
    const auto shown = it({"person", "erase", "pointe", id, "--json"});
    CHECK(has(shown, R"("dry_run":true)"));
    CHECK(has(shown, R"("rows":{"messages":1200,"turns":0})"));
    CHECK(has(shown, R"("contacts":[")" + id + R"(",")" + other + R"("])"));
    CHECK(it.told == Told{"find pointe " + id + "|"});
    const auto done = it({"person", "erase", "pointe", id, "--json", "--yes"});
    CHECK(has(done, R"("dry_run":false)"));
    CHECK(has(done, R"("erased_at_ms":1763700000000)"));
}

TEST_CASE("whom nobody knows can still be refused") {
    Bench it;
    CHECK(has(it({"person", "erase", "pointe", "telegram:nobody"}), "nobody is known by that name"));
    CHECK(it({"person", "erase", "pointe", "telegram:nobody", "--yes"}).code == 0);
    CHECK(it.told.back() == "erase pointe telegram by olga");
}

TEST_CASE("a name is a contact's id or what a channel calls them") {
    Bench it;
    for (const auto* name : {"5491155550001", ":5491155550001", "whatsapp:"}) {
        CHECK(it({"person", "erase", "pointe", name}).code == 2);
    }
    CHECK(it.told.empty());
    CHECK(it({"person", "erase", "pointe"}).code == 2);
}

TEST_CASE("an export is written as it comes, by who may read what people wrote") {
    Bench it;
    CHECK(it({"person", "export", "pointe", "web:abc"}).out == "{\"a\":1}");
    const auto file = (it.folder.path() / "person.json").string();
    CHECK(it({"person", "export", "pointe", "web:abc", "--to", file}).out.empty());
    CHECK(read_file(file) == "{\"a\":1}");
    CHECK(it({"person", "export", "pointe", "web:abc", "--to", "/nowhere/person.json"}).code == 1);
    it.may_read = false;
    it.told.clear();
    CHECK(it({"person", "export", "pointe", "web:abc"}).code == 1);
    CHECK(it.told.empty());
}

TEST_CASE("after a restore it says how many erasures were applied again") {
    Bench it;
    CHECK(it({"person", "reapply"}).out == "erasures applied: 3\n");
    CHECK(it({"person", "reapply", "--json"}).out == "{\"applied\":3}\n");
}
