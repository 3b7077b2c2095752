#include <doctest/doctest.h>

#include <algorithm>

#include "tests/cli/terminal.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct Bench {
    struct Book final : ShopBook {
        explicit Book(Bench& its_bench) : bench(its_bench) {}
        ShopListing apply(const ShopSpec& shop) override {
            bench.told.push_back("apply " + shop.slug);
            return {TenantId{1}, shop.slug, shop.name, {}, {}, {}};
        }
        std::int64_t redrive_waiting(TenantId) override { return 0; }
        std::vector<ShopListing> list() override {
            std::vector<ShopListing> all{{TenantId{1}, "here", "Here", {}, {}, {}},
                                         {TenantId{2}, "gone", "Gone", {}, {}, {}}};
            all[1].retired = true;
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
            .write("wrong.yaml", "slug: wrong\nname: W\nagent: {provider: offline, base_url: \"http://inside\"}\n")
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
    CHECK(relevo({"shops", "list"}).out == "Here (here), tenant 1\n");
    CHECK(relevo({"shops", "list", "--all"}).out.find("Gone (gone), tenant 2, removed\n") !=
          std::string::npos);
}
