#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

#include "tests/cli/terminal.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct Bench {
    struct Book final : ShopBook {
        explicit Book(Bench& its_bench) : bench(its_bench) {}
        ShopApplied apply(const ShopSpec& shop, ApplyMode mode) override {
            bench.told.push_back("apply " + shop.slug);
            ShopApplied made = bench.applied;
            const bool retires =
                std::ranges::any_of(made.changes, [](const auto& it) { return it.change == "retired"; });
            made.done = mode == ApplyMode::all || (mode == ApplyMode::careful && !retires);
            return made;
        }
        std::int64_t redrive_waiting(TenantId) override {
            return bench.waiting.empty() ? 0 : std::exchange(bench.waiting.back(), 0);
        }
        std::vector<ShopListing> list() override {
            std::vector<ShopListing> all{{TenantId{1}, "here", "Here", {}, {}, {}},
                                         {TenantId{2}, "gone", "Gone", {}, {}, {}},
                                         {TenantId{3}, "going", "Going", {}, {}, {}}};
            all[0].whatsapp = ShopListing::Address{"key", {"1001"}, {}, {}, Secret("verify")};
            all[1].retired = true;
            all[2].leaving = true;
            return all;
        }
        ShopStanding standing(const std::string& slug) override {
            if (slug != "here") throw unknown_shop(slug);
            return bench.standing;
        }
        ShopStanding retire(const std::string& slug) override {
            bench.told.push_back("retire " + slug);
            return bench.standing;
        }
        Bench& bench;
    };

    Bench() {
        config = folder
                     .write("relevo.yaml",
                            "kafka: {brokers: b}\npostgres: {url: u}\nredis: {url: r}\nmaster_key_file: m\n"
                            "pipelines: p\nmigrations: m\nconsole: c\n")
                     .string();
        backend.agent_means = [](const Config&) {
            AgentMeans means{{{"offline", ""}}};
            means.address_mistake = [](std::string_view url) {
                return std::string(url.find("inside") == url.npos ? "" : "leads inside");
            };
            return means;
        };
        backend.shops = [this](const Config&) { return std::make_unique<Book>(*this); };
    }
    Printed operator()(std::vector<std::string> words) {
        words.insert(words.begin(), {"--config", config});
        return run_relevo(words, backend);
    }

    Folder folder;
    std::string config;
    ShopStanding standing{false, false, 2, 0, 0, 5};
    ShopApplied applied{TenantId{1}, false, {}};
    std::vector<std::int64_t> waiting;
    std::vector<std::string> told;
    Backend backend;
};

using Told = std::vector<std::string>;

}  // namespace

TEST_CASE("a mistake in the last file is found before the first shop is made") {
    Bench relevo;
    const auto right = relevo.folder.write("right.yaml", "slug: right\nname: Right\n").string();
    const auto wrong =
        relevo.folder.write("wrong.yaml", "slug: wrong\nname: W\nprompt: \"{NIX}\"\n").string();
    const auto refused = relevo({"shops", "apply", right, wrong});
    CHECK(refused.code == 1);
    CHECK(refused.err.find("wrong.yaml:3:9: ") != std::string::npos);
    CHECK(relevo.told.empty());
    CHECK(relevo({"shops", "apply", right}).code == 0);
    CHECK(relevo.told == Told{"apply right"});
    CHECK(relevo({"shops", "apply", right, "--model-url", "nowhere"}).code == 2);
}

TEST_CASE("a model's server that no shop may name is refused before the first shop is made") {
    Bench relevo;
    const auto right = relevo.folder.write("right.yaml", "slug: right\nname: Right\n").string();
    const auto wrong =
        relevo.folder
            .write("wrong.yaml",
                   "slug: wrong\nname: W\nagent: {provider: offline, base_url: \"http://inside\"}\n")
            .string();
    const auto refused = relevo({"shops", "apply", right, wrong});
    CHECK(refused.code == 1);
    CHECK(refused.err.find("wrong.yaml:3:38: leads inside") != std::string::npos);
    const auto named = relevo({"shops", "apply", right, "--model-url", "http://inside/v1"});
    CHECK(named.code == 1);
    CHECK(named.err.find("--model-url: leads inside") != std::string::npos);
    CHECK(relevo.told.empty());
}

TEST_CASE("removing a shop says first what it would do, and does it only when told so") {
    Bench relevo;
    const auto dry = relevo({"shops", "remove", "here"});
    CHECK(dry.code == 0);
    CHECK(dry.out.find("accounts 2, ") != std::string::npos);
    CHECK(dry.out.find("nothing was done") != std::string::npos);
    CHECK(relevo.told.empty());
    CHECK(relevo({"shops", "remove", "nix"}).code == 1);
    const auto begun = relevo({"shops", "remove", "here", "--yes"});  // its secrets are left
    CHECK(begun.code == 1);
    CHECK(begun.out.find("run this again") != std::string::npos);
    relevo.standing.retired = true;
    CHECK(relevo({"shops", "remove", "here", "--yes"}).code == 0);
    CHECK(relevo({"shops", "remove", "here", "--yes", "--json"}).out.find(R"("removed":true)") !=
          std::string::npos);
    relevo.standing.retired = false;
    relevo.standing.guests = true;
    const auto guests = relevo({"shops", "remove", "here", "--yes"});
    CHECK(guests.code == 1);
    CHECK(guests.err.find("shop.has_guests") != std::string::npos);
}

TEST_CASE("a removed shop is listed only where all are asked for") {
    Bench relevo;
    const auto listed = relevo({"shops", "list"}).out;
    CHECK(listed.starts_with("Here (here), tenant 1\n"));
    CHECK(listed.find("Going (going), tenant 3, leaving") != std::string::npos);
    CHECK(listed.find("Gone") == std::string::npos);
    CHECK(relevo({"shops", "list", "--json"}).out.find(R"("leaving":true)") != std::string::npos);
    CHECK(relevo({"shops", "list", "--all"}).out.find("Gone (gone), tenant 2, removed\n") !=
          std::string::npos);
}

TEST_CASE("an apply prints each change in a line, and as data") {
    Bench relevo;
    const auto file = relevo.folder.write("here.yaml", "slug: here\n").string();
    CHECK(relevo({"shops", "apply", file}).out == "here: nothing changes\n");
    relevo.applied.changes = {{"keep_days", "", "changed", "for ever", "90"},
                              {"fallback_text", "", "changed", std::string(200, 'x'), "y"},
                              {"agent", "Ana", "changed", "", "", {"model", "prompt"}},
                              {"account", "whatsapp 1001", "new"},
                              {"catalogue", "", "changed", "", "", {}, ShopChange::Counts{12, 2, 1, 3}}};
    relevo.waiting = {5};
    const auto done = relevo({"shops", "apply", file});
    CHECK(done.code == 0);
    CHECK(done.out ==
          "here: keep_days: 90, was for ever\nhere: fallback_text changed\n"
          "here: agent Ana changed: model, prompt\nhere: account whatsapp 1001 new\n"
          "here: catalogue: 12 products, 2 new, 1 changed, 3 gone\n");
    CHECK(done.err == "here: 5 of what waited for its accounts redriven\n");  // no terminal: no '\r'
    const auto json = relevo({"shops", "apply", file, "--json"}).out;
    CHECK(json.find(R"("slug":"here")") != std::string::npos);
    CHECK(json.find(R"("applied":true,"changes":[{"part":"keep_days","change":"changed",)"
                    R"("before":"for ever","after":"90"})") != std::string::npos);
    CHECK(json.find(R"({"part":"catalogue","change":"changed","all":12,"new":2,"changed":1,"gone":3}])") !=
          std::string::npos);
}

TEST_CASE("an apply retires accounts only when told so, and a dry run does nothing") {
    Bench relevo;
    const auto file = relevo.folder.write("here.yaml", "slug: here\n").string();
    relevo.applied.changes = {{"account", "whatsapp 1001", "retired"}};
    const auto refused = relevo({"shops", "apply", file});
    CHECK(refused.code == 1);
    CHECK(refused.out.find("here: account whatsapp 1001 retired\nhere: nothing was done: ") == 0);
    CHECK(refused.out.find("--yes does it") != std::string::npos);
    CHECK(relevo({"shops", "apply", file, "--json"}).out.find(R"("applied":false)") != std::string::npos);
    const auto dry = relevo({"shops", "apply", file, "--dry-run"});
    CHECK(dry.code == 0);
    CHECK(dry.out == "here: account whatsapp 1001 retired\nhere: nothing was done\n");
    const auto done = relevo({"shops", "apply", file, "--yes"});
    CHECK(done.code == 0);
    CHECK(done.out == "here: account whatsapp 1001 retired\n");
}
