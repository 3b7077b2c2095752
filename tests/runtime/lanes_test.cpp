#include "runtime/lanes.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "tests/runtime/envelopes.hpp"

namespace relevo {
namespace {

constexpr BurstPolicy policy{Millis{16'000}, Millis{60'000}, 5};

SysTime at(std::int64_t millis) {
    return from_millis(1'000'000 + millis);
}

struct Fixture {
    explicit Fixture(Lanes::Policy kind, Lanes::Limits limits = {}) : lanes(kind, limits) { lanes.assign(0); }

    void add(const std::string& key, std::int64_t millis = 0, const std::string& id = {}) {
        lanes.add(make_envelope(key, offset++, at(millis), "{}", id), policy);
    }
    std::vector<std::int64_t> offsets(const Work& work) {
        std::vector<std::int64_t> out;
        for (const auto& record : work.records) out.push_back(record.offset.value);
        return out;
    }
    void finish(const Work& work) {
        lanes.settled(work);
        lanes.done(work);
    }
    std::optional<Offset> committable() { return lanes.progress().front().offsets.committable(); }

    Lanes lanes;
    std::int64_t offset = 0;
};

using Offsets = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("one record of a key runs at a time, in order, while other keys go on") {
    Fixture it(Lanes::Policy::one);
    for (const auto* key : {"1:a", "1:a", "1:b"}) it.add(key);
    const auto first = it.lanes.take();
    const auto other = it.lanes.take();
    REQUIRE(first);
    REQUIRE(other);
    CHECK(it.offsets(*first) == Offsets{0});
    CHECK(it.offsets(*other) == Offsets{2});
    CHECK_FALSE(it.lanes.take());
    it.finish(*first);
    const auto second = it.lanes.take();
    REQUIRE(second);
    CHECK(it.offsets(*second) == Offsets{1});
}

TEST_CASE("offsets are committable once nothing before them is open") {
    Fixture it(Lanes::Policy::one);
    for (const auto* key : {"1:a", "1:b"}) it.add(key);
    const auto first = it.lanes.take();
    const auto second = it.lanes.take();
    it.finish(*second);
    CHECK(it.committable() == Offset{0});
    it.finish(*first);
    CHECK(it.committable() == Offset{2});
    CHECK(it.lanes.records() == 0);
    CHECK(it.lanes.bytes() == 0);
}

TEST_CASE("abandoned work is not settled, and its lane goes on") {
    Fixture it(Lanes::Policy::one);
    it.add("1:a");
    it.add("1:a");
    const auto first = it.lanes.take();
    it.lanes.done(*first);
    CHECK(it.committable() == Offset{0});
    CHECK(it.lanes.take());
}

TEST_CASE("tenants take turns, however long one's line is") {
    Fixture it(Lanes::Policy::one, {1, 1});
    for (int n = 0; n < 100; ++n) it.add("1:" + std::to_string(n));
    it.add("2:x");
    it.add("3:y");
    std::vector<std::string> order;
    for (int n = 0; n < 5; ++n) {
        const auto work = it.lanes.take();
        REQUIRE(work);
        order.emplace_back(fairness_key(work->records.front().key));
        it.finish(*work);
    }
    CHECK(order == std::vector<std::string>{"1", "2", "3", "1", "1"});
}

TEST_CASE("no tenant holds more than its share of the places") {
    Fixture it(Lanes::Policy::one, {4, 2});
    for (int n = 0; n < 10; ++n) it.add("1:" + std::to_string(n));
    std::vector<Work> running;
    while (auto work = it.lanes.take()) running.push_back(std::move(*work));
    CHECK(running.size() == 2);
    it.add("2:x");
    CHECK(it.lanes.take());
    it.finish(running.front());
    CHECK(it.lanes.take());
    CHECK(it.lanes.running() == 3);
}

TEST_CASE("a burst is handed out as one after its silence, by the log's own time") {
    Fixture it(Lanes::Policy::burst);
    it.add("1:a", 0);
    it.add("1:a", 5'000);
    it.lanes.close_due(at(1'000'000));  // the wall clock does not count before the end of the partition
    CHECK_FALSE(it.lanes.take());
    it.add("1:b", 20'999);
    it.lanes.close_due(at(0));
    CHECK_FALSE(it.lanes.take());
    it.add("1:b", 21'000);
    it.lanes.close_due(at(0));
    const auto burst = it.lanes.take();
    REQUIRE(burst);
    CHECK(it.offsets(*burst) == Offsets{0, 1});
}

TEST_CASE("at the end of the partition the wall clock closes a window") {
    Fixture it(Lanes::Policy::burst);
    it.add("1:a", 0);
    CHECK_FALSE(it.lanes.next_close());
    it.lanes.reached_end(0);
    CHECK(it.lanes.next_close() == at(16'000));
    it.lanes.close_due(at(15'999));
    CHECK_FALSE(it.lanes.take());
    it.lanes.close_due(at(16'000));
    CHECK(it.lanes.take());
    CHECK_FALSE(it.lanes.next_close());
}

TEST_CASE("a record after the end brings the log's time back") {
    Fixture it(Lanes::Policy::burst);
    it.add("1:a", 0);
    it.lanes.reached_end(0);
    it.add("1:b", 1'000);
    it.lanes.close_due(at(100'000));
    CHECK_FALSE(it.lanes.take());
}

TEST_CASE("a record that comes after its window's time opens the next one") {
    Fixture it(Lanes::Policy::burst);
    it.add("1:a", 0);
    it.add("1:a", 16'000);
    const auto first = it.lanes.take();
    REQUIRE(first);
    CHECK(it.offsets(*first) == Offsets{0});
    it.finish(*first);
    CHECK_FALSE(it.lanes.take());
    it.add("1:b", 32'000);
    it.lanes.close_due(at(0));
    const auto second = it.lanes.take();
    REQUIRE(second);
    CHECK(it.offsets(*second) == Offsets{1});
}

TEST_CASE("append times that go back do not shorten or reopen a window") {
    Fixture it(Lanes::Policy::burst);
    it.add("1:a", 10'000);
    it.add("1:a", 2'000);  // another leader's clock
    it.add("1:b", 25'999);
    it.lanes.close_due(at(0));
    CHECK_FALSE(it.lanes.take());
    it.add("1:b", 26'000);
    it.lanes.close_due(at(0));
    const auto burst = it.lanes.take();
    REQUIRE(burst);
    CHECK(it.offsets(*burst) == Offsets{0, 1});
}

TEST_CASE("the last message that fits closes the window at once") {
    Fixture it(Lanes::Policy::burst);
    for (int n = 0; n < 5; ++n) it.add("1:a", n);
    const auto burst = it.lanes.take();
    REQUIRE(burst);
    CHECK(burst->records.size() == 5);
}

TEST_CASE("a record that comes twice neither fills nor prolongs the window") {
    Fixture it(Lanes::Policy::burst);
    it.add("1:a", 0, "m1");
    for (int n = 0; n < 20; ++n) it.add("1:a", 10'000, "m1");
    CHECK_FALSE(it.lanes.take());
    it.lanes.reached_end(0);
    CHECK(it.lanes.next_close() == at(16'000));
    it.lanes.close_due(at(16'000));
    const auto burst = it.lanes.take();
    REQUIRE(burst);
    CHECK(burst->records.size() == 21);  // all of them are settled with it
    it.finish(*burst);
    CHECK(it.committable() == Offset{21});
}

TEST_CASE("the offsets of an open window stay uncommitted") {
    Fixture it(Lanes::Policy::burst);
    it.add("1:a", 0);
    it.add("1:b", 17'000);
    it.lanes.close_due(at(0));
    const auto first = it.lanes.take();
    it.finish(*first);
    CHECK(it.committable() == Offset{1});
}

TEST_CASE("while a burst runs the next one gathers, and waits for it") {
    Fixture it(Lanes::Policy::burst);
    for (int n = 0; n < 5; ++n) it.add("1:a", n);
    const auto first = it.lanes.take();
    for (int n = 0; n < 5; ++n) it.add("1:a", 10 + n);
    CHECK_FALSE(it.lanes.take());
    it.finish(*first);
    CHECK(it.lanes.take());
}

TEST_CASE("at the cap the window that would close first is closed") {
    Fixture it(Lanes::Policy::burst);
    it.add("1:a", 5'000);
    it.add("1:b", 6'000);
    it.lanes.assign(1);
    it.lanes.add(make_envelope("1:c", 0, at(1'000), "{}", {}, 1), policy);
    REQUIRE(it.lanes.close_oldest());
    const auto oldest = it.lanes.take();
    REQUIRE(oldest);
    CHECK(oldest->records.front().key == "1:c");
    CHECK(it.lanes.close_oldest());
    CHECK(it.lanes.close_oldest());
    CHECK_FALSE(it.lanes.close_oldest());
}

TEST_CASE("windows that close at the same moment close in the order of their keys") {
    Fixture it(Lanes::Policy::burst);
    for (const auto* key : {"1:c", "1:a", "1:d", "1:b"}) it.add(key, 0);
    it.lanes.reached_end(0);
    it.lanes.close_due(at(16'000));
    std::string order;
    while (const auto work = it.lanes.take()) order += work->records.front().key;
    CHECK(order == "1:a1:b1:c1:d");
}

TEST_CASE("what ends after its partition was revoked settles nothing") {
    Fixture it(Lanes::Policy::one);
    it.add("1:a");
    const auto old = it.lanes.take();
    it.lanes.revoke(0);
    CHECK(Lanes::is_over(*old));
    it.lanes.assign(0);
    it.lanes.add(make_envelope("1:a", 0, at(0)));
    it.finish(*old);
    CHECK(it.committable() == Offset{0});
    const auto again = it.lanes.take();
    REQUIRE(again);
    it.finish(*again);
    CHECK(it.committable() == Offset{1});
    CHECK(it.lanes.records() == 0);
}

TEST_CASE("a partition that is retired forgets what waits and lets what runs settle") {
    Fixture it(Lanes::Policy::burst);
    for (int n = 0; n < 5; ++n) it.add("1:a", n);
    const auto running = it.lanes.take();
    for (int n = 0; n < 5; ++n) it.add("1:a", 10 + n);
    it.add("1:b", 20);
    it.lanes.retire(0);
    CHECK(it.lanes.records() == 5);
    CHECK_FALSE(it.lanes.take());
    CHECK_FALSE(it.lanes.close_oldest());
    it.finish(*running);
    CHECK(it.committable() == Offset{5});
    CHECK(it.lanes.records() == 0);
    CHECK_FALSE(it.lanes.take());
}

TEST_CASE("a record that was fetched before its partition was revoked is not taken in") {
    Fixture it(Lanes::Policy::one);
    it.lanes.revoke(0);
    it.add("1:a");
    CHECK(it.lanes.records() == 0);
    CHECK_FALSE(it.lanes.take());
}

TEST_CASE("for any history every record is handed out once per assignment, in the order of its key") {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        SeededRandom random(seed);
        CAPTURE(seed);
        const auto kind = random.below(2) == 0 ? Lanes::Policy::one : Lanes::Policy::burst;
        Fixture it(kind, {1 + random.below(4), 1 + random.below(3)});
        std::vector<Work> running;
        std::map<std::string, std::int64_t> last;
        std::int64_t time = 0;
        std::int64_t handed = 0;
        std::int64_t added = 0;
        for (int step = 0; step < 150; ++step) {
            time += static_cast<std::int64_t>(random.below(4'000));
            if (random.below(2) == 0) {
                it.add(std::to_string(random.below(3)) + ":" + std::to_string(random.below(3)), time);
                ++added;
            }
            it.lanes.close_due(at(time));
            if (auto work = it.lanes.take()) {
                for (const auto& record : work->records) {
                    auto& before = last.try_emplace(std::string(record.key), -1).first->second;
                    REQUIRE(record.offset.value > before);
                    before = record.offset.value;
                    ++handed;
                }
                running.push_back(std::move(*work));
            }
            if (!running.empty() && random.below(2) == 0) {
                const auto which =
                    running.begin() + static_cast<std::ptrdiff_t>(random.below(running.size()));
                it.finish(*which);
                running.erase(which);
            }
        }
        for (int rounds = 0; rounds < 500; ++rounds) {
            while (it.lanes.close_oldest()) {
            }
            while (auto work = it.lanes.take()) {
                handed += static_cast<std::int64_t>(work->records.size());
                running.push_back(std::move(*work));
            }
            for (const auto& work : running) it.finish(work);
            running.clear();
        }
        REQUIRE(handed == added);
        REQUIRE(it.lanes.records() == 0);
        REQUIRE(it.lanes.running() == 0);
        if (added > 0) REQUIRE(it.committable() == Offset{added});
    }
}

}  // namespace relevo
