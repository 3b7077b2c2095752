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
    Task<ReplyClaim> claim(TenantId, ReplyId reply, SysTime now, bool admitted) override {
        claimed_at.push_back(now);
        if (limited && !admitted && !claims.empty() && claims.front().state == State::send) {
            ReplyClaim ready;
            ready.state = State::ready;
            ready.channel = "fake";
            ready.account = "1001";
            co_return ready;
        }
        REQUIRE_FALSE(claims.empty());
        ReplyClaim next = std::move(claims.front());
        claims.pop_front();
        if (next.state == State::send) next.permit = permit(reply, ++attempts);
        next.channel = "fake";
        next.account = "1001";
        next.text = "hola";
        co_return next;
    }
    Task<void> postpone(TenantId, ReplyId reply, SysTime due) override {
        postponed.emplace_back(reply, due);
        co_return;
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
    std::vector<std::pair<ReplyId, SysTime>> postponed;
    bool limited = false;  // "fake" has limits: a bubble must be admitted
    State found_expired = State::closed;
    int attempts = 0;
    int away = 0;  // calls of finish that fail first
};

struct FakeChannel final : Channel {
    explicit FakeChannel(std::vector<Outbound>& its_sent, std::deque<Sent>& its_answers)
        : sent(its_sent), answers(its_answers) {}
    std::string_view name() const override { return "fake"; }
    ChannelLimits limits() const override {
        ChannelLimits limits;
        limits.pace = {{PaceLimit::Per::account, {10, Millis{100}}},
                       {PaceLimit::Per::recipient, {45, Millis{6'000}}}};
        return limits;
    }
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

// Has slots when it was told to, else at once.
struct ScriptedPace final : Pace {
    Task<Millis> take(std::vector<PaceBucket> buckets, Millis patience) override {
        asked.push_back(std::move(buckets));
        Millis wait{0};
        if (!waits.empty()) {
            wait = waits.front();
            waits.pop_front();
        }
        if (wait <= patience) ++taken;
        co_return wait;
    }
    std::deque<Millis> waits;
    std::vector<std::vector<PaceBucket>> asked;
    int taken = 0;
};

struct CountingWatch final : DeliveryWatch {
    void breaker_opened(std::string_view, std::string_view) override { ++open; }
    void breaker_closed(std::string_view, std::string_view) override { --open; }
    void failed(std::string_view, std::string_view code) override { codes.emplace_back(code); }
    void parked(std::string_view, std::string_view reason) override { reasons.emplace_back(reason); }
    int open = 0;
    std::vector<std::string> codes;
    std::vector<std::string> reasons;
};

Sent unreachable() {
    return {Sent::State::refused, {}, {Fault::transient, "fake.unreachable", "refused"}, true};
}

struct Fixture {
    Fixture() : relay(ledger, channels, vault, live, clock, pace, watch, {"here"}) {
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
    ScriptedPace pace;
    CountingWatch watch;
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

TEST_CASE(
    "a bubble of a channel with limits takes a slot of its account's and its recipient's, and is claimed "
    "then") {
    Fixture it;
    it.ledger.limited = true;
    it.ledger.then(State::send);
    it.pace.waits = {Millis{7'000}};
    const SysTime began = it.clock.now();
    CHECK(std::holds_alternative<Emit>(it.run()));
    CHECK(it.ledger.claimed_at == std::vector{began, began + Millis{7'000}});
    REQUIRE(it.pace.asked.size() == 1);
    const auto& buckets = it.pace.asked.front();
    REQUIRE(buckets.size() == 2);
    CHECK(buckets[0].key.find("fake:1001") != std::string::npos);
    CHECK(buckets[0].key.find(it.ready.conversation.to_string()) == std::string::npos);
    CHECK(buckets[1].key.find(it.ready.conversation.to_string()) != std::string::npos);
    CHECK(buckets[1].rate.burst == 45);
}

TEST_CASE("without a slot soon a bubble is parked: as a row, without an intent, an attempt or a slot") {
    Fixture it;
    it.ledger.limited = true;
    it.ledger.then(State::send);
    it.pace.waits = {Millis{50'000}};
    const Outcome outcome = it.run();
    const auto& park = std::get<Park>(outcome);
    CHECK(park.reason == Admission::Hold::pace);
    CHECK(park.timer.due >= it.clock.now() + Millis{50'000});
    CHECK(it.ledger.postponed == std::vector{std::pair(it.ready.reply, park.timer.due)});
    CHECK(it.pace.taken == 0);
    CHECK(it.ledger.attempts == 0);
    CHECK(it.watch.reasons == std::vector<std::string>{"pace"});
}

TEST_CASE("an account whose provider does not answer is left alone: what is due then is parked untried") {
    Fixture it;
    it.ledger.limited = true;
    for (int n = 0; n < 5; ++n) {
        it.answers.push_back(unreachable());
        it.ledger.then(State::send);
        it.ledger.then(State::wait, "pause", it.clock.now() + Millis{300'000});
        CHECK(std::holds_alternative<Park>(it.run()));
    }
    CHECK(it.watch.open == 1);
    CHECK(it.watch.codes == std::vector<std::string>(5, "fake.unreachable"));
    CHECK(it.sent.size() == 5);
    const int slots = it.pace.taken;
    it.ledger.then(State::send);
    const Outcome outcome = it.run();
    const auto& park = std::get<Park>(outcome);
    CHECK(park.reason == Admission::Hold::away);
    CHECK(park.timer.due >= it.clock.now() + Millis{5'000});
    CHECK(it.ledger.postponed.back().second == park.timer.due);
    CHECK(it.sent.size() == 5);
    CHECK(it.pace.taken == slots);

    // five seconds later one tries, and finds the provider back
    it.clock.set(park.timer.due);
    CHECK(std::holds_alternative<Emit>(it.run()));
    CHECK(it.watch.open == 0);
    CHECK(it.sent.size() == 6);
}

TEST_CASE("a bubble that meets a long outage is due again when its record expires, at the latest") {
    Fixture it;
    it.ledger.limited = true;
    it.ledger.then(State::send);
    it.pace.waits = {Millis{50'000}};
    it.record.headers.expires = it.clock.now() + Millis{10'000};
    const Outcome outcome = it.run();
    CHECK(std::get<Park>(outcome).timer.due == *it.record.headers.expires + Millis{1});
}

TEST_CASE("what a recipient makes impossible says nothing against the account") {
    Fixture it;
    it.ledger.limited = true;
    for (int n = 0; n < 10; ++n) {
        it.answers.push_back(
            {Sent::State::refused, {}, {Fault::permanent, "fake.blocked", "by the customer"}});
        it.ledger.then(State::send);
        it.run();
    }
    CHECK(it.sent.size() == 10);
    CHECK(it.watch.open == 0);
}

TEST_CASE("a bubble that is tried again waits as its channel's schedule says, by its attempts") {
    Fixture it;
    for (int n = 0; n < 2; ++n) {
        it.answers.push_back(unreachable());
        it.ledger.then(State::send);
    }
    it.ledger.then(State::wait, "pause", it.clock.now() + Millis{300'000});
    const SysTime now = it.clock.now();
    it.run();
    CHECK(it.ledger.dues == std::vector<std::optional<SysTime>>{now + Millis{5'000}, now + Millis{30'000}});
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
    const SysTime sent_at = gone.clock.now();
    CHECK_THROWS_AS(gone.run(), Failure);
    CHECK(gone.sent.size() == 1);
    // with the longest wait before it, claim, secret, send and a last try it ends before the watchdog comes
    CHECK(gone.clock.now() - sent_at <= Millis{110'000 - 35'000 - 4 * 10'000});
}

TEST_CASE("a secret that cannot be had is noted as certainly not sent, and tried again") {
    struct LockedVault final : Vault {
        Task<Secret> find(TenantId, std::string, std::string) override {
            throw Failure({Fault::permanent, "vault.broken", "cannot be opened"});
            co_return Secret();
        }
    } locked;
    Fixture it;
    Relay relay(it.ledger, it.channels, locked, it.live, it.clock, it.pace, it.watch, {"here"});
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
    Relay relay(it.ledger, none, it.vault, it.live, it.clock, it.pace, it.watch, {"here"});
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
