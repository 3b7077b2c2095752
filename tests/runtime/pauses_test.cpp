// An operator's pause, as a worker obeys it.

#include <doctest/doctest.h>

#include "domain/pauses.hpp"
#include "tests/runtime/worker_bench.hpp"

namespace relevo {
namespace {

struct ToldPauses final : Pauses {
    StagePause told;
    std::vector<Record> kept;
    std::function<Task<void>()> before_keep = []() -> Task<void> { co_return; };
    std::shared_ptr<const StagePause> of(std::string_view stage) const override {
        return std::make_shared<const StagePause>(stage == "test" ? told : StagePause{});
    }
    Task<void> keep(std::string, Record record, SysTime) override {
        co_await before_keep();
        kept.push_back(std::move(record));
    }
};

// A stage whose handlers wait for their moment, as Relay does for the spacing, and then send.
struct Sender {
    explicit Sender(Millis its_wait = Millis{0})
        : wait(its_wait),
          bench([this](std::vector<std::string> values, int) { return handle(this, std::move(values)); }, {},
                {}, &pauses) {}

    static Task<Outcome> handle(Sender* self, std::vector<std::string> values) {
        namespace asio = boost::asio;
        co_await asio::this_coro::reset_cancellation_state(asio::enable_partial_cancellation());
        co_await self->bench.clock.sleep_until(self->bench.clock.now() + self->wait);
        co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
        if (self->fails) throw Failure({Fault::transient, "test.away", "away"});
        self->sent.push_back(values.front());
        co_return Drop{"sent"};
    }

    Millis wait;
    bool fails = false;
    std::vector<std::string> sent;
    ToldPauses pauses;
    WorkerBench bench;
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a paused stage begins nothing and leaves the log alone, and goes on in order when it is resumed") {
    Sender sender;
    WorkerBench& it = sender.bench;
    sender.pauses.told.all = true;
    it.run_for(Millis{500});
    it.fetch({{"1:a", "x"}, {"2:b", "y"}, {"1:a", "z"}});
    it.run_for(Millis{600'000});
    CHECK(sender.sent.empty());
    CHECK(it.source.waiting() == 1);
    CHECK(it.metrics.text().find("relevo_paused{stage=\"test\"} 1") != std::string::npos);
    sender.pauses.told.all = false;
    it.run_for(Millis{2'000});
    CHECK(sender.sent == Texts{"x", "y", "z"});
    CHECK(it.has("commit 0:3"));
    CHECK(it.metrics.text().find("relevo_paused{stage=\"test\"} 0") != std::string::npos);
}

TEST_CASE("what waits in its lanes when its stage is paused is not sent until it is resumed, then once") {
    Sender sender(Millis{4'000});
    WorkerBench& it = sender.bench;
    it.fetch({{"1:a", "x"}, {"1:a", "y"}, {"2:b", "z"}});
    it.run_for(Millis{5'000});
    REQUIRE(sender.sent == Texts{"x", "z"});
    sender.pauses.told.all = true;
    it.run_for(Millis{60'000});
    CHECK(sender.sent.size() == 2);
    CHECK_FALSE(it.has("commit 0:3"));
    sender.pauses.told.all = false;
    it.run_for(Millis{10'000});
    CHECK(sender.sent == Texts{"x", "z", "y"});
    CHECK(it.has("commit 0:3"));
}

TEST_CASE("a record between two attempts is neither tried nor parked while its stage is paused") {
    Sender sender;
    WorkerBench& it = sender.bench;
    sender.fails = true;
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{1'000});
    sender.pauses.told.all = true;
    it.run_for(Millis{1'000});
    const int calls = it.calls;
    sender.fails = false;
    it.run_for(Millis{600'000});
    CHECK(it.calls == calls);
    CHECK(it.parked.empty());
    sender.pauses.told.all = false;
    it.run_for(Millis{1'000});
    CHECK(sender.sent == Texts{"x"});
}

TEST_CASE("a paused tenant's records are kept in their order and settled, and others' go on") {
    Sender sender;
    WorkerBench& it = sender.bench;
    sender.pauses.told.tenants = {"1"};
    it.run_for(Millis{500});
    it.fetch({{"1:a", "x"}, {"2:b", "y"}, {"1:a", "z"}, {"17:c", "w"}});
    it.run_for(Millis{1'000});
    CHECK(sender.sent == Texts{"y", "w"});
    REQUIRE(sender.pauses.kept.size() == 2);
    CHECK(sender.pauses.kept[0].value == "x");
    CHECK(sender.pauses.kept[1].value == "z");
    CHECK(sender.pauses.kept[1].headers.id == "id-z");
    CHECK(it.has("commit 0:4"));
    CHECK(std::count(it.settlements.begin(), it.settlements.end(), "park tenant paused") == 2);
    CHECK(it.metrics.text().find("relevo_paused_tenants{stage=\"test\"} 1") != std::string::npos);
}

TEST_CASE("a tenant's record that waits for its moment is kept, not sent, when the tenant is paused") {
    Sender sender(Millis{4'000});
    WorkerBench& it = sender.bench;
    it.fetch({{"1:a", "x"}, {"2:b", "y"}});
    it.run_for(Millis{1'000});
    sender.pauses.told.tenants = {"1"};
    it.run_for(Millis{10'000});
    CHECK(sender.sent == Texts{"y"});
    REQUIRE(sender.pauses.kept.size() == 1);
    CHECK(sender.pauses.kept[0].value == "x");
    CHECK(it.has("commit 0:2"));
}

TEST_CASE(
    "while the store is away a paused tenant's records wait in their lane, in order, and ask it rarely") {
    Sender sender;
    WorkerBench& it = sender.bench;
    bool away = true;
    int asked = 0;
    sender.pauses.before_keep = [&]() -> Task<void> {
        ++asked;
        co_await it.clock.sleep_until(it.clock.now() + Millis{1'000});
        if (away) throw Failure({Fault::transient, "postgres.unavailable", "away"});
        co_return;
    };
    sender.pauses.told.tenants = {"1"};
    it.run_for(Millis{500});
    it.fetch({{"1:a", "x"}, {"1:a", "y"}});
    it.run_for(Millis{30'000});
    CHECK(asked < 12);  // a turn of the worker is no reason
    CHECK(sender.pauses.kept.empty());
    CHECK_FALSE(it.has("commit 0:1"));
    away = false;
    it.run_for(Millis{60'000});
    REQUIRE(sender.pauses.kept.size() == 2);
    CHECK(sender.pauses.kept[0].value == "x");
    CHECK(it.calls == 0);
}

TEST_CASE("of a paused tenant's burst what was set aside before is not kept as well") {
    ToldPauses pauses;
    StageSpec spec;
    spec.lane = Lanes::Policy::burst;
    WorkerBench* bench = nullptr;
    WorkerBench it(
        [&](std::vector<std::string>, int) -> Task<Outcome> {
            co_await bench->set_aside(1, {Fault::permanent, "record.malformed", "no such field"});
            throw Failure({Fault::transient, "test.away", "away"});
        },
        spec, {}, &pauses);
    bench = &it;
    it.window = {Millis{100}, Millis{1'000}, 3};
    it.fetch({{"1:a", "x"}, {"1:a", "poison"}, {"1:a", "y"}});
    it.run_for(Millis{2'000});
    REQUIRE(it.count("bury poison") == 1);
    pauses.told.tenants = {"1"};
    it.run_for(Millis{30'000});
    REQUIRE(pauses.kept.size() == 2);
    CHECK(pauses.kept[0].value == "x");
    CHECK(pauses.kept[1].value == "y");
    CHECK(it.count("bury poison") == 1);
    CHECK(it.has("commit 0:3"));
}

TEST_CASE("a paused worker stops as quickly as any other") {
    Sender sender(Millis{4'000});
    WorkerBench& it = sender.bench;
    it.fetch({{"1:a", "x"}});
    it.run_for(Millis{1'000});
    sender.pauses.told.all = true;
    it.run_for(Millis{1'000});
    it.stop();
    it.run_for(Millis{1'000});
    CHECK(it.ended);
    CHECK(sender.sent.empty());
}

}  // namespace relevo
