#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/simulation/bugs.hpp"
#include "tests/simulation/sim_webhooks.hpp"
#include "tests/simulation/world.hpp"

namespace relevo {

/// A world in which one part is as somebody else wrote it: where the incident happens there, a test that
/// finds it nowhere else is not blind.
inline SimSettings with_bug(std::string_view name, SimSettings settings = {}) {
    const SimBug* bug = find_bug(name);
    REQUIRE(bug != nullptr);
    settings.parts = bug->parts;
    return settings;
}

/// It comes to its end, and nobody saw what nobody should ever see.
inline void check_well(SimWorld& world) {
    CHECK(world.settle());
    const auto problems = find_problems(world);
    for (const auto& problem : problems) MESSAGE(problem);
    CHECK(problems.empty());
}

using Texts = std::vector<std::string>;

inline Texts texts(const std::vector<SimBubble>& bubbles) {
    Texts out;
    for (const auto& bubble : bubbles) out.push_back(bubble.text);
    return out;
}

inline std::size_t unknown_replies(const SimWorld& world) {
    std::size_t count = 0;
    for (const auto& [id, tenant] : world.database.tenants) {
        for (const auto& [reply_id, reply] : tenant.replies)
            count += reply.status == SimReply::Status::unknown;
    }
    return count;
}

/// A shop in a simulated installation, and what its customers see. Its model answers "hello", "re " and each
/// line that it was asked, "bye".
struct Shop {
    explicit Shop(SimSettings settings = {}, BurstPolicy window = {Millis{16'000}, Millis{60'000}, 20})
        : world(std::move(settings)), shop(world.add_shop(1, "shop", window)) {
        world.start();
    }

    /// What nobody should ever see, once everything has come to its end.
    std::vector<std::string> problems() {
        CHECK(world.settle());
        return find_problems(world);
    }
    void check_well() { relevo::check_well(world); }
    /// What reached the customer, oldest first.
    Texts texts(const std::string& who = "ana") const { return relevo::texts(world.bubbles(shop, who)); }
    std::size_t count(const std::string& text, const std::string& who = "ana") const {
        const auto all = texts(who);
        return static_cast<std::size_t>(std::count(all.begin(), all.end(), text));
    }

    SimWorld world;
    Account shop;
};

}  // namespace relevo
