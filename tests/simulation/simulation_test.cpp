#include <algorithm>

#include "tests/simulation/books.hpp"
#include "tests/simulation/shop.hpp"

namespace relevo {
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

TEST_CASE("a reaction opens no turn and releases nothing") {
    Shop it;
    Inbound reaction = SimWorld::inbound("ana", "👍", "reaction-1");
    reaction.kind = InboundKind::reaction;
    it.world.tell(it.shop, reaction);
    check_well(it.world);
    CHECK(it.world.provider.bubbles.empty());
    CHECK(it.world.row(it.shop, "ana").messages.size() == 1);
}

TEST_CASE(
    "what comes in for an account that was given up ends in the books, and what came before is answered") {
    Shop it;
    it.world.write(it.shop, "ana", "hola");
    it.world.run_for(Millis{2'000});
    it.world.database.accounts.front().retired = true;
    it.world.write(it.shop, "ana", "sigue ahí");
    it.world.write(it.shop, "bea", "buenas");
    check_well(it.world);
    CHECK(texts(it.world.bubbles(it.shop, "ana")) == Texts{"hello", "re hola", "bye"});
    CHECK(it.world.bubbles(it.shop, "bea").empty());
    const SimBooks books{{"answered", 1}, {"bubbles sent", 3}, {"dropped: account retired", 2}};
    CHECK(count_ends(it.world) == books);
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

TEST_CASE("an agent says what it is before its first answer, once, whenever a process dies meanwhile") {
    for (const std::string point : {"", "model.after", "commit_answer.before", "commit_answer.committed"}) {
        CAPTURE(point);
        Shop it;
        it.world.database.tenants[it.shop.tenant].disclosure = "I am a program.";
        if (!point.empty()) it.world.crash_at(point);
        it.world.write(it.shop, "ana", "hola");
        it.check_well();
        it.world.write(it.shop, "ana", "puntas");
        it.check_well();
        CHECK(it.texts() == Texts{"I am a program.", "hello", "re hola", "bye", "hello", "re puntas", "bye"});
    }
}

TEST_CASE("an answer whose place a newer message takes before it is sent leaves the sentence to the next") {
    SimSettings settings;
    settings.rates.longest_model = Millis{0};
    Shop it(settings);
    it.world.database.tenants[it.shop.tenant].disclosure = "I am a program.";
    it.world.write(it.shop, "ana", "hola");
    const auto& replies = it.world.database.tenants[it.shop.tenant].replies;
    for (int wait = 0; wait < 30'000 && replies.empty(); ++wait) it.world.run_for(Millis{1});
    it.world.write(it.shop, "ana", "puntas");
    it.check_well();
    CHECK(it.count("I am a program.") == 1);
    CHECK(it.texts().front() == "I am a program.");
}

TEST_CASE("where no model answers the sentence in its place says what the agent is") {
    SimSettings settings;
    settings.rates.model_gives_up = 1;
    Shop it(settings);
    it.world.database.tenants[it.shop.tenant].disclosure = "I am a program.";
    it.world.write(it.shop, "ana", "hola");
    it.check_well();
    CHECK(it.texts() == Texts{"I am a program.\n\nfallback"});
    it.world.write(it.shop, "ana", "puntas");
    it.check_well();
    CHECK(it.texts() == Texts{"I am a program.\n\nfallback", "fallback"});
}

TEST_CASE("a provider that asks for a pause gets it, and the answer arrives in order afterwards") {
    SimSettings settings;
    settings.rates.provider_refuses = 0.6;
    settings.seed = 7;
    Shop it(settings);
    it.world.write(it.shop, "ana", "hola");
    CHECK(it.world.settle(Millis{2 * 3'600'000}));  // refused often enough it rests for quarters of an hour
    check_well(it.world);
    CHECK(texts(it.world.bubbles(it.shop, "ana")) == std::vector<std::string>{"hello", "re hola", "bye"});
}

}  // namespace relevo
