#include <doctest/doctest.h>

#include <algorithm>

#include "tests/simulation/world.hpp"

namespace relevo {
namespace {

constexpr BurstPolicy window{Millis{16'000}, Millis{60'000}, 20};

std::vector<std::string> texts(const std::vector<SimBubble>& bubbles) {
    std::vector<std::string> out;
    for (const auto& bubble : bubbles) out.push_back(bubble.text);
    return out;
}

void check_well(SimWorld& world) {
    CHECK(world.settle());
    const auto problems = find_problems(world);
    for (const auto& problem : problems) MESSAGE(problem);
    CHECK(problems.empty());
}

struct Shop {
    explicit Shop(SimSettings settings = {})
        : world(std::move(settings)), shop(world.add_shop(1, "shop", window)) {
        world.start();
    }
    SimWorld world;
    Account shop;
};

}  // namespace

TEST_CASE("incident 1: five messages within the window become one turn and one answer") {
    Shop it;
    for (const auto* text : {"hola", "tienen zapatillas", "de media punta", "talle 38", "gracias"}) {
        it.world.write(it.shop, "ana", text);
        it.world.run_for(Millis{2'000});
    }
    it.world.run_for(Millis{13'000});
    CHECK(it.world.provider.bubbles.empty());  // 16 s of silence have not passed
    check_well(it.world);
    CHECK(it.world.row(it.shop, "ana").turns.size() == 1);
    CHECK(texts(it.world.bubbles(it.shop, "ana")) ==
          std::vector<std::string>{"hello", "re hola", "re tienen zapatillas", "re de media punta",
                                   "re talle 38", "re gracias", "bye"});
}

TEST_CASE(
    "incidents 4 and 5: a webhook that is delivered twenty times is one message, one turn, one answer") {
    Shop it;
    for (int n = 0; n < 20; ++n) it.world.write(it.shop, "ana", "hola", "wamid.1");
    it.world.run_for(Millis{10'000});
    it.world.write(it.shop, "ana", "hola", "wamid.1");  // and once more, while the window is open
    check_well(it.world);
    it.world.write(it.shop, "ana", "hola", "wamid.1");  // and after the answer
    check_well(it.world);
    CHECK(it.world.row(it.shop, "ana").turns.size() == 1);
    CHECK(texts(it.world.bubbles(it.shop, "ana")) == std::vector<std::string>{"hello", "re hola", "bye"});
}

TEST_CASE("bubbles of one conversation are at least 4 s apart, and others are not delayed by them") {
    Shop it;
    for (int n = 0; n < 50; ++n) it.world.write(it.shop, "customer-" + std::to_string(n), "hola");
    check_well(it.world);
    SysTime last_first{};
    for (int n = 0; n < 50; ++n) {
        const auto bubbles = it.world.bubbles(it.shop, "customer-" + std::to_string(n));
        REQUIRE(bubbles.size() == 3);
        CHECK(bubbles[1].at - bubbles[0].at >= Millis{4'000});
        CHECK(bubbles[2].at - bubbles[1].at >= Millis{4'000});
        last_first = std::max(last_first, bubbles[0].at);
    }
    const SysTime first = it.world.provider.bubbles.front().at;
    CHECK(last_first - first < Millis{4'000});
}

TEST_CASE("someone who writes every 10 s is answered") {
    Shop it;
    for (int n = 0; n < 30; ++n) {
        it.world.write(it.shop, "ana", "m" + std::to_string(n));
        it.world.run_for(Millis{10'000});
    }
    // the window closes after 60 s at the latest; then newer messages hold the answer until 90 s have passed
    REQUIRE_FALSE(it.world.provider.bubbles.empty());
    const SysTime begun = it.world.row(it.shop, "ana").messages.front().appended;
    CHECK(it.world.provider.bubbles.front().at - begun < Millis{100'000});
    check_well(it.world);
}

TEST_CASE("a newer message takes the place of an unsent answer at most twice") {
    SimSettings settings;
    settings.rates.longest_model = Millis{0};
    Shop it(settings);
    const Account quick = it.world.add_shop(2, "quick", {Millis{1'000}, Millis{5'000}, 20});
    // each message arrives when the answer to the one before is committed and none of its bubbles is sent
    for (int n = 0; n < 5; ++n) {
        it.world.write(quick, "ana", "m" + std::to_string(n));
        it.world.run_for(Millis{900});
        for (int wait = 0; wait < 50; ++wait) {
            it.world.run_for(Millis{20});
            const auto& turns = it.world.row(quick, "ana").turns;
            if (turns.size() == static_cast<std::size_t>(n + 1)) break;
        }
    }
    check_well(it.world);
    const SimTenant& tenant = it.world.database.tenants.at({2});
    int most = 0;
    for (const auto& [id, turn] : tenant.turns) most = std::max(most, turn.supersedes_count);
    CHECK(most == 2);
    const auto superseded = std::count_if(tenant.turns.begin(), tenant.turns.end(), [](const auto& turn) {
        return turn.second.status == SimTurn::Status::superseded;
    });
    CHECK(superseded >= 2);
}

TEST_CASE(
    "incident 6: after a take-over at most the bubble in flight lands, and the backlog stays unanswered") {
    for (const int moment : {10'000, 16'100, 17'000, 18'500, 20'000, 22'500, 24'700}) {
        CAPTURE(moment);
        Shop it;
        it.world.write(it.shop, "ana", "hola");
        it.world.write(it.shop, "ana", "hay alguien");
        it.world.run_for(Millis{moment});
        const auto before = it.world.provider.bubbles.size();
        it.world.take_over(it.shop, "ana");
        it.world.reply_as_human(it.shop, "ana", "console-1", "soy Marta");
        it.world.write(it.shop, "ana", "por fin");
        CHECK(it.world.settle());
        const auto bubbles = texts(it.world.bubbles(it.shop, "ana"));
        REQUIRE_FALSE(bubbles.empty());
        CHECK(bubbles.size() <= before + 2);
        CHECK(bubbles.back() == "soy Marta");
        // given back, the agent answers what comes now, and nothing of what the human saw
        it.world.give_back(it.shop, "ana");
        it.world.write(it.shop, "ana", "y ahora");
        check_well(it.world);
        const auto all = texts(it.world.bubbles(it.shop, "ana"));
        CHECK(std::vector(all.end() - 3, all.end()) ==
              std::vector<std::string>{"hello", "re y ahora", "bye"});
        CHECK(std::find(all.begin(), all.end(), "re por fin") == all.end());
    }
}

TEST_CASE("incident 6: the owner's message from their own phone silences the agent") {
    Shop it;
    it.world.write(it.shop, "ana", "hola");
    it.world.run_for(Millis{5'000});
    Inbound echo = SimWorld::inbound("ana", "te atiendo yo", "echo-1");
    echo.kind = InboundKind::echo;
    it.world.tell(it.shop, echo);
    check_well(it.world);
    CHECK(it.world.provider.bubbles.empty());
    CHECK(it.world.row(it.shop, "ana").human);
}

TEST_CASE("a reaction opens no turn and releases nothing") {
    Shop it;
    Inbound reaction = SimWorld::inbound("ana", "👍", "reaction-1");
    reaction.kind = InboundKind::reaction;
    it.world.tell(it.shop, reaction);
    check_well(it.world);
    CHECK(it.world.provider.bubbles.empty());
    CHECK(it.world.row(it.shop, "ana").messages.size() == 1);
}

TEST_CASE("incident 9: an unknown shape is archived once and stops nothing") {
    Shop it;
    Inbound unknown = SimWorld::inbound("ana", "", "strange-1");
    unknown.kind = InboundKind::archived;
    unknown.raw = "{}";
    for (int n = 0; n < 3; ++n) it.world.tell(it.shop, unknown);
    it.world.write(it.shop, "ana", "hola");
    check_well(it.world);
    CHECK(it.world.database.tenants.at({1}).archive.size() == 1);
    CHECK(it.world.provider.bubbles.size() == 3);
}

TEST_CASE("incident 2: tenants whose customers have the same sender id never mix") {
    Shop it;
    const std::vector<Account> shops{it.shop, it.world.add_shop(2, "other", window),
                                     it.world.add_shop(1, "second", window)};
    for (int n = 0; n < 4; ++n) {
        for (const auto& shop : shops) {
            it.world.write(shop, "5491155550000", shop.external_id + "/5491155550000: m" + std::to_string(n));
        }
        it.world.run_for(Millis{3'000});
    }
    check_well(it.world);
    for (const auto& shop : shops) {
        CHECK(it.world.row(shop, "5491155550000").turns.size() == 1);
        CHECK(it.world.bubbles(shop, "5491155550000").size() == 6);
    }
}

TEST_CASE("incident 20: a contact who comes under a new name is still the same contact") {
    Shop it;
    Inbound first = SimWorld::inbound("549115555", "hola", "1");
    first.aliases.push_back({"sim_other", "54115555"});
    it.world.tell(it.shop, first);
    it.world.run_for(Millis{1'000});
    Inbound second = SimWorld::inbound("54115555", "soy yo", "2");
    second.aliases.front().kind = "sim_other";
    it.world.tell(it.shop, second);
    check_well(it.world);
    CHECK(it.world.database.tenants.at({1}).conversations.size() == 1);
    CHECK(it.world.row(it.shop, "549115555").turns.size() == 1);
}

TEST_CASE("an account's webhook cannot speak for another shop's account") {
    Shop it;
    Account thief = it.world.add_shop(2, "thief", window);
    thief.external_id = it.shop.external_id;
    it.world.write(thief, "ana", "hola");
    CHECK(it.world.settle());
    REQUIRE(it.world.database.dead_letters.size() == 1);
    CHECK(it.world.database.dead_letters.begin()->second.code == "resolve.foreign_account");
    CHECK(it.world.provider.bubbles.empty());
    CHECK_FALSE(it.world.database.tenants.contains({1}));
}

TEST_CASE("an unreadable record becomes a dead letter, and the burst that it came with is answered") {
    Shop it;
    it.world.write(it.shop, "ana", "hola");
    it.world.run_for(Millis{1'000});
    const auto resolved = it.world.log.all("messages.resolved");
    REQUIRE(resolved.size() == 1);
    Record broken = resolved.front()->record;
    broken.value = "{";
    broken.headers.id = "broken";
    it.world.log.append(broken);
    it.world.write(it.shop, "ana", "tienen puntas");
    CHECK(it.world.settle());
    CHECK(texts(it.world.bubbles(it.shop, "ana")) ==
          std::vector<std::string>{"hello", "re hola", "re tienen puntas", "bye"});
    REQUIRE(it.world.database.dead_letters.size() == 1);
    CHECK(it.world.database.dead_letters.begin()->second.code == "record.malformed");
    CHECK(it.world.database.dead_letters.begin()->second.stage == "buffer");
}

TEST_CASE("a model that refuses for good leaves the customer with the fallback") {
    SimSettings settings;
    settings.rates.model_gives_up = 1;
    Shop it(settings);
    it.world.write(it.shop, "ana", "hola");
    check_well(it.world);
    CHECK(texts(it.world.bubbles(it.shop, "ana")) == std::vector<std::string>{"fallback"});
    CHECK(it.world.database.dead_letters.size() == 1);
}

TEST_CASE("a provider that asks for a pause gets it, and the answer arrives in order afterwards") {
    SimSettings settings;
    settings.rates.provider_refuses = 0.6;
    settings.seed = 7;
    Shop it(settings);
    it.world.write(it.shop, "ana", "hola");
    check_well(it.world);
    CHECK(texts(it.world.bubbles(it.shop, "ana")) == std::vector<std::string>{"hello", "re hola", "bye"});
}

TEST_CASE("incident 12: one tenant's burst of 2,000 conversations does not starve another") {
    SimSettings settings;
    settings.max_open_turns = 200;
    Shop it(settings);
    const Account campaign = it.world.add_shop(2, "campaign", {Millis{1'000}, Millis{5'000}, 20});
    for (int n = 0; n < 2'000; ++n) it.world.write(campaign, "target-" + std::to_string(n), "precio");
    it.world.run_for(Millis{500});
    const SysTime wrote = it.world.clock.now();
    it.world.write(it.shop, "ana", "hola");
    it.world.run_for(Millis{30'000});
    const auto bubbles = it.world.bubbles(it.shop, "ana");
    REQUIRE_FALSE(bubbles.empty());
    CHECK(bubbles.front().at - wrote < Millis{22'000});  // 16 s of silence, a model's 2 s
    CHECK(it.world.settle());
    std::size_t answered = 0;
    for (const auto& [id, turn] : it.world.database.tenants.at({2}).turns) {
        answered += turn.status == SimTurn::Status::answered;
    }
    CHECK(answered == 2'000);
}

}  // namespace relevo
