#include "stages/relay.hpp"

#include <doctest/doctest.h>

#include <deque>

#include "domain/records.hpp"
#include "tests/stages/fakes.hpp"

namespace relevo {
namespace {

using State = ReplyClaim::State;

// Gives the claims it was told to give, one after the other.
struct ScriptedLedger final : RelayStore {
    Task<ReplyClaim> claim(TenantId, ReplyId reply, SysTime now) override {
        claimed_at.push_back(now);
        REQUIRE_FALSE(claims.empty());
        ReplyClaim next = std::move(claims.front());
        claims.pop_front();
        if (next.state == State::send) next.permit = permit(reply, ++attempts);
        next.channel = "fake";
        next.text = "hola";
        co_return next;
    }
    Task<void> finish(TenantId, DeliveryPermit, Sent sent, std::optional<SysTime> due, SysTime) override {
        if (away-- > 0) throw Failure({Fault::transient, "postgres.unavailable", "away"});
        finished.push_back(sent.state);
        dues.push_back(due);
        co_return;
    }
    Task<ReplyClaim> expire(TenantId, ReplyId reply, SysTime) override {
        expired.push_back(reply);
        ReplyClaim found;
        found.state = found_expired;
        if (found_expired == State::closed) found.reason = "expired";
        co_return found;
    }
    void then(State state, std::string reason = {}, SysTime until = {}) {
        ReplyClaim next;
        next.state = state;
        next.reason = std::move(reason);
        next.until = until;
        claims.push_back(std::move(next));
    }
    std::deque<ReplyClaim> claims;
    std::vector<SysTime> claimed_at;
    std::vector<Sent::State> finished;
    std::vector<std::optional<SysTime>> dues;
    std::vector<ReplyId> expired;
    State found_expired = State::closed;
    int attempts = 0;
    int away = 0;  // calls of finish that fail first
};

struct FakeChannel final : Channel {
    explicit FakeChannel(std::vector<Outbound>& its_sent, std::deque<Sent>& its_answers)
        : sent(its_sent), answers(its_answers) {}
    std::string_view name() const override { return "fake"; }
    ChannelLimits limits() const override { return {}; }
    std::string_view credentials() const override { return "fake"; }
    std::string_view verification_secret() const override { return "SECRET"; }
    std::string_view sending_secret() const override { return "TOKEN"; }
    Result<void> verify(const HttpRequest&, const Secret&) const override { return {}; }
    Result<Parsed> parse(const HttpRequest&) const override { return Parsed{}; }
    Task<Sent> send(Outbound bubble, DeliveryPermit) override {
        sent.push_back(std::move(bubble));
        Sent answer = answers.empty() ? Sent{Sent::State::accepted, "id", {}} : answers.front();
        if (!answers.empty()) answers.pop_front();
        co_return answer;
    }
    std::vector<Outbound>& sent;
    std::deque<Sent>& answers;
};

struct Fixture {
    Fixture() : relay(ledger, channels, vault, live, clock, "here") {
        ready.tenant = {7};
        ready.turn = TurnId{};
        record = to_record(ready);
        record.headers.installation = "here";
        record.headers.expires = clock.now() + Millis{3'600'000};
    }
    static std::vector<std::unique_ptr<Channel>> list(std::vector<Outbound>& sent,
                                                      std::deque<Sent>& answers) {
        std::vector<std::unique_ptr<Channel>> out;
        out.push_back(std::make_unique<FakeChannel>(sent, answers));
        return out;
    }
    Outcome run() { return run_stage(relay, {envelope_of(record)}, clock); }

    SimClock clock;
    ScriptedLedger ledger;
    std::vector<Outbound> sent;
    std::deque<Sent> answers;
    Channels channels{list(sent, answers)};
    FixedVault vault;
    RecordingLive live;
    Relay relay;
    ReplyReady ready;
    Record record;
};

}  // namespace

TEST_CASE("a bubble that the ledger allows is sent once, with the tenant's token, and noted") {
    Fixture it;
    it.ledger.then(State::send);
    CHECK(std::holds_alternative<Emit>(it.run()));
    REQUIRE(it.sent.size() == 1);
    CHECK(it.sent.front().token.reveal() == "fake/TOKEN");
    CHECK(it.ledger.finished == std::vector{Sent::State::accepted});
    CHECK(it.live.told.size() == 1);
}

TEST_CASE("a replay cannot reach a customer: a foreign record is dropped unasked, and no row of ours moves") {
    for (const auto* installation : {"elsewhere", ""}) {
        Fixture foreign;
        foreign.record.headers.installation = installation;
        foreign.record.headers.expires = foreign.clock.now() - Millis{1};
        CHECK(std::get<Drop>(foreign.run()).reason == "of another installation");
        CHECK(foreign.sent.empty());
        CHECK(foreign.ledger.claimed_at.empty());
        CHECK(foreign.ledger.expired.empty());
    }
}

TEST_CASE("a bubble whose record has expired is not claimed, and the ledger closes it") {
    Fixture expired;
    expired.record.headers.expires = expired.clock.now() - Millis{1};
    CHECK(std::get<Drop>(expired.run()).reason == "expired");
    CHECK(expired.ledger.expired == std::vector{expired.ready.reply});
    CHECK(expired.ledger.claimed_at.empty());
    REQUIRE(expired.live.told.size() == 1);
    CHECK(expired.live.told.front().find("withdrawn") != std::string::npos);
    Fixture endless;
    endless.record.headers.expires.reset();
    CHECK(std::get<Drop>(endless.run()).reason == "expired");
    CHECK(endless.ledger.expired.size() == 1);
}

TEST_CASE("a replay of a bubble that was delivered long ago is just that, and withdraws nothing") {
    Fixture it;
    it.record.headers.expires = it.clock.now() - Millis{1};
    it.ledger.found_expired = State::delivered;
    CHECK(std::get<Drop>(it.run()).reason == "delivered before");
    REQUIRE(it.live.told.size() == 1);
    CHECK(it.live.told.front().find("withdrawn") == std::string::npos);
}

TEST_CASE("a bubble that expires while it waits in its lane is not sent") {
    Fixture it;
    it.record.headers.expires = it.clock.now() + Millis{3'000};
    it.ledger.then(State::wait, "spacing", it.clock.now() + Millis{4'000});
    CHECK(std::get<Drop>(it.run()).reason == "expired");
    CHECK(it.ledger.expired.size() == 1);
    CHECK(it.sent.empty());
}

TEST_CASE("the spacing is waited for in the lane") {
    Fixture it;
    const SysTime until = it.clock.now() + Millis{4'000};
    it.ledger.then(State::wait, "spacing", until);
    it.ledger.then(State::send);
    CHECK(std::holds_alternative<Emit>(it.run()));
    CHECK(it.ledger.claimed_at.back() == until);
}

TEST_CASE("a provider's long pause is parked with the record as it came") {
    Fixture it;
    const SysTime until = it.clock.now() + Millis{300'000};
    it.ledger.then(State::wait, "pause", until);
    const Outcome outcome = it.run();
    const auto& park = std::get<Park>(outcome);
    CHECK(park.timer.due == until);
    CHECK(park.timer.record.topic == topics::replies_ready);
    CHECK(park.timer.record.value == it.record.value);
    CHECK(park.timer.record.headers.installation == "here");
    CHECK(park.timer.record.headers.expires == it.record.headers.expires);
}

TEST_CASE("a bubble whose predecessor is behind it in the lane lets it pass") {
    Fixture it;
    const SysTime until = it.clock.now() + Millis{1'000};
    it.ledger.then(State::wait, "earlier bubble", until);
    const Outcome outcome = it.run();
    REQUIRE(std::holds_alternative<Park>(outcome));
    CHECK(std::get<Park>(outcome).timer.due == until);
}

TEST_CASE("a bubble behind an unknown one asks again soon: a receipt may settle that one any moment") {
    Fixture it;
    it.ledger.then(State::wait, "earlier bubble", it.clock.now() + Millis{60'000});
    const Outcome outcome = it.run();
    CHECK(std::get<Park>(outcome).timer.due == it.clock.now() + Millis{5'000});
}

TEST_CASE("a held bubble waits, and parks before it has been unsettled for two minutes") {
    Fixture it;
    for (int n = 1; n < 40; ++n)
        it.ledger.then(State::held, "newer message", it.clock.now() + Millis{n * 5'000});
    const SysTime began = it.clock.now();
    CHECK(std::holds_alternative<Park>(it.run()));
    CHECK(it.clock.now() - began <= Millis{90'000});
}

TEST_CASE("a refusal for now is noted with its pause, and asked again when the ledger says so") {
    Fixture it;
    it.answers.push_back(
        {Sent::State::refused, {}, {Fault::transient, "whatsapp.pair_rate", "slow", Millis{9'000}}});
    it.ledger.then(State::send);
    const SysTime due = it.clock.now() + Millis{9'000};
    it.ledger.then(State::wait, "pause", due);
    it.ledger.then(State::send);
    CHECK(std::holds_alternative<Emit>(it.run()));
    CHECK(it.ledger.dues.front() == due);
    CHECK(it.sent.size() == 2);
}

TEST_CASE("a refusal for good and a send that nobody knows of end the bubble, and are said") {
    Fixture refused;
    refused.answers.push_back({Sent::State::refused, {}, {Fault::permanent, "whatsapp.undeliverable", "no"}});
    refused.ledger.then(State::send);
    CHECK(std::get<Drop>(refused.run()).reason == "refused by the provider");
    CHECK_FALSE(refused.ledger.dues.front());
    Fixture unknown;
    unknown.answers.push_back({Sent::State::unknown, {}, {Fault::transient, "http.timeout", "no answer"}});
    unknown.ledger.then(State::send);
    CHECK(std::get<Drop>(unknown.run()).reason == "delivery unknown");
    CHECK(unknown.ledger.finished == std::vector{Sent::State::unknown});
}

TEST_CASE("how a send ended is noted once the database is back, and nothing is sent meanwhile") {
    Fixture it;
    it.ledger.away = 60;  // half a minute
    it.ledger.then(State::send);
    CHECK(std::holds_alternative<Emit>(it.run()));
    CHECK(it.sent.size() == 1);
    CHECK(it.ledger.finished == std::vector{Sent::State::accepted});
    Fixture gone;
    gone.ledger.away = 1'000;
    gone.ledger.then(State::send);
    CHECK_THROWS_AS(gone.run(), Failure);
    CHECK(gone.sent.size() == 1);
}

TEST_CASE("a secret that cannot be had is noted as certainly not sent, and tried again") {
    struct LockedVault final : Vault {
        Task<Secret> find(TenantId, std::string, std::string) override {
            throw Failure({Fault::permanent, "vault.broken", "cannot be opened"});
            co_return Secret();
        }
    } locked;
    Fixture it;
    Relay relay(it.ledger, it.channels, locked, it.live, it.clock, "here");
    it.ledger.then(State::send);
    it.ledger.then(State::wait, "pause", it.clock.now() + Millis{300'000});
    const Outcome outcome = run_stage(relay, {envelope_of(it.record)}, it.clock);
    CHECK(std::holds_alternative<Park>(outcome));
    CHECK(it.sent.empty());
    CHECK(it.ledger.finished == std::vector{Sent::State::refused});
    CHECK(it.ledger.dues.front());
}

TEST_CASE("a channel that this installation does not have is a refusal, not a crash") {
    Fixture it;
    Channels none({});
    Relay relay(it.ledger, none, it.vault, it.live, it.clock, "here");
    it.ledger.then(State::send);
    const Outcome outcome = run_stage(relay, {envelope_of(it.record)}, it.clock);
    CHECK(std::get<Drop>(outcome).reason == "refused by the provider");
    CHECK(it.ledger.finished == std::vector{Sent::State::refused});
}

TEST_CASE("a bubble that was closed or delivered before is not sent") {
    Fixture closed;
    closed.ledger.then(State::closed, "human");
    CHECK(std::get<Drop>(closed.run()).reason == "human");
    Fixture delivered;
    delivered.ledger.then(State::delivered);
    CHECK(std::get<Drop>(delivered.run()).reason == "delivered before");
    CHECK(closed.sent.empty());
    CHECK(delivered.sent.empty());
}

TEST_CASE("a record that cannot be read is a permanent fault") {
    Fixture it;
    it.record.value = "{";
    try {
        it.run();
        FAIL("nothing was thrown");
    } catch (const Failure& failure) {
        CHECK(failure.error().fault == Fault::permanent);
        CHECK(failure.error().code == "record.malformed");
    }
}

}  // namespace relevo
