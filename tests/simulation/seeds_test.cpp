#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

#include "tests/simulation/world.hpp"

namespace relevo {
namespace {

constexpr std::uint64_t worlds = 200;

// One short life of a few shops in which everything goes wrong that may.
class Storm {
  public:
    explicit Storm(std::uint64_t seed) : random_(seed), world_(settings(seed)) {
        for (int n = 0; n < 3; ++n) {
            const Millis quiet{1'000 + upto(3'000)};
            shops_.push_back(world_.add_shop(1 + n / 2, "shop-" + std::to_string(n), {quiet, quiet * 4, 6}));
        }
        world_.start();
        world_.log.skew = [this] { return Millis{upto(20)}; };
    }

    bool run() {
        for (int n = 0; n < 6; ++n) plan_customer();
        for (auto n = upto(3); n > 0; --n)
            at([this] { world_.kill(static_cast<std::size_t>(upto(world_.settings.processes - 1))); });
        for (auto n = upto(3); n > 0; --n)
            at([this] { world_.expel(any(stages), Millis{500 + upto(4'000)}); });
        for (auto n = upto(2); n > 0; --n) {
            at([this] { world_.crash_at(any(points), static_cast<int>(1 + upto(3))); });
        }
        if (upto(1) == 1) plan_handoff();
        world_.run_for(Millis{40'000});
        return world_.settle();
    }
    SimWorld& world() { return world_; }

  private:
    static constexpr std::array stages{"resolve", "buffer", "retrieve", "infer", "relay", "settle"};
    static constexpr std::array points{
        "store_message.committed", "claim_turn.committed",  "freeze_step.committed",
        "commit_answer.committed", "claim_reply.committed", "send.accepted",
        "finish_reply.committed",  "publish.after:infer",   "publish.before:buffer"};

    SimSettings settings(std::uint64_t seed) {
        SimSettings it;
        it.seed = seed;
        it.processes = static_cast<int>(1 + upto(1));
        it.restart_after = Millis{200 + upto(3'000)};
        it.max_open_turns = upto(3) == 0 ? 2 : 500;
        it.rates.store_refuses = 0.01;
        it.rates.store_loses_reply = 0.01;
        it.rates.sink_refuses = 0.01;
        it.rates.sink_writes_half = 0.01;
        it.rates.model_fails = 0.1;
        it.rates.model_gives_up = upto(4) == 0 ? 0.1 : 0;
        it.rates.provider_refuses = 0.05;
        it.rates.provider_times_out = 0.02;
        it.rates.provider_loses_receipt = 0.1;
        return it;
    }

    std::int64_t upto(std::int64_t most) {
        return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(most) + 1));
    }
    template <std::size_t N>
    std::string any(const std::array<const char*, N>& names) {
        return names[random_.below(N)];
    }
    void at(std::function<void()> event) { world_.clock.after(Millis{upto(30'000)}, std::move(event)); }

    // The same names write to all shops.
    void plan_customer() {
        const Account shop = shops_[random_.below(shops_.size())];
        const std::string who = "customer-" + std::to_string(upto(2));
        Millis when{upto(5'000)};
        for (auto n = 1 + upto(5); n > 0; --n) {
            when += Millis{upto(3) == 0 ? upto(20'000) : upto(2'000)};
            const std::string id = "event-" + std::to_string(++last_event_);
            const std::string text = shop.external_id + "/" + who + ": " + id;
            if (upto(9) == 0) plan_reaction(shop, who, when);
            const auto copies = upto(20) == 0 ? 20 : 1 + upto(5) / 5;
            for (auto copy = copies; copy > 0; --copy) {
                world_.clock.after(when + Millis{upto(1) * upto(8'000)},
                                   [this, shop, who, text, id] { world_.write(shop, who, text, id); });
            }
        }
    }

    void plan_reaction(const Account& shop, const std::string& who, Millis when) {
        Inbound reaction = SimWorld::inbound(who, "a heart", "reaction-" + std::to_string(++last_event_));
        reaction.kind = InboundKind::reaction;
        world_.clock.after(when, [this, shop, reaction] { world_.tell(shop, reaction); });
    }

    void plan_handoff() {
        const Account shop = shops_[random_.below(shops_.size())];
        const std::string who = "customer-" + std::to_string(upto(2));
        const ConversationId conversation = world_.conversation(shop, who);
        const Millis when{upto(25'000)};
        const bool by_phone = upto(1) == 1;
        world_.clock.after(when, [this, shop, who, conversation, by_phone] {
            const auto& conversations = world_.database.tenants[shop.tenant].conversations;
            if (!conversations.contains(conversation)) return;
            if (by_phone) {
                Inbound echo = SimWorld::inbound(who, "from the owner's phone", "echo");
                echo.kind = InboundKind::echo;
                world_.tell(shop, echo);
            } else {
                world_.database.take_over(shop.tenant, conversation, world_.clock.now());
            }
            world_.reply_as_human(shop, who, "console", "a human");
            world_.clock.after(Millis{upto(15'000)}, [this, shop, conversation] {
                world_.database.give_back(shop.tenant, conversation);
            });
        });
    }

    SeededRandom random_;
    SimWorld world_;
    std::vector<Account> shops_;
    int last_event_ = 0;
};

void check_seed(std::uint64_t seed, bool alone = false) {
    Storm storm(seed);
    const bool settled = storm.run();
    const auto problems = find_problems(storm.world());
    if (settled && problems.empty()) return;
    MESSAGE("run it alone with RELEVO_SEED=" << seed);
    for (const auto& problem : problems) MESSAGE(problem);
    if (alone) MESSAGE(tell_story(storm.world()));
    CHECK(settled);
    CHECK(problems.empty());
}

}  // namespace

TEST_CASE("in every stormy world nothing is lost, doubled, reordered or told to somebody else") {
    if (const char* seed = std::getenv("RELEVO_SEED")) {
        check_seed(std::strtoull(seed, nullptr, 10), true);
        return;
    }
    for (std::uint64_t seed = 1; seed <= worlds; ++seed) check_seed(seed);
}

TEST_CASE("a seed repeats itself") {
    const auto life = [](std::uint64_t seed) {
        Storm storm(seed);
        storm.run();
        std::string story;
        for (const auto& bubble : storm.world().provider.bubbles) {
            story += to_iso8601(bubble.at) + " " + bubble.to + " " + bubble.text + "\n";
        }
        return story;
    };
    const std::string once = life(42);
    CHECK(once == life(42));
    CHECK(once != life(43));
}

}  // namespace relevo
