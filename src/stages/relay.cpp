#include "stages/relay.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <cmath>

#include "core/log.hpp"
#include "domain/records.hpp"

namespace relevo {
namespace {

constexpr Millis longest_lane_wait{45'000};  // with a send and its note, well below two minutes
constexpr Millis longest_note{45'000};       // how long PostgreSQL may be away while only we know how a send ended
constexpr Millis note_again{500};
constexpr Millis longest_pause{300'000};
// What went before may be settled by a receipt at any moment, which wakes nobody.
constexpr Millis asks_for_earlier{5'000};

// Meta's advice for its pair limit, 4^n s, and good for the others too.
Millis pause_after(int attempt, std::optional<Millis> retry_after) {
    const double seconds = std::pow(4.0, std::min(attempt, 5));
    const Millis pause = std::min(longest_pause, Millis{static_cast<std::int64_t>(seconds * 1'000)});
    return std::max(pause, retry_after.value_or(Millis{0}));
}

}  // namespace

Task<Outcome> Relay::handle(std::span<const Envelope> records) {
    const Envelope& record = records.front();
    // A replay, a restored backup, a topic of another installation: none may reach a customer, nor our rows.
    if (record.headers.installation != installation_) co_return Drop{"of another installation"};
    const SysTime started = clock_.now();
    const ReplyReady ready = decode_reply_ready(record.value).value();
    const std::string channel = conversation_channel(ready.tenant, ready.conversation);
    for (;;) {
        const SysTime now = clock_.now();
        // What expired may have been delivered long before: a replay of an old record.
        const bool expired = is_expired(record.headers, now);
        Task<ReplyClaim> asked = expired ? store_.expire(ready.tenant, ready.reply, now)
                                         : store_.claim(ready.tenant, ready.reply, now);
        ReplyClaim claim = co_await std::move(asked);
        switch (claim.state) {
            case ReplyClaim::State::send: {
                Outcome outcome = co_await send(ready.tenant, ready.conversation, std::move(claim));
                if (!std::holds_alternative<Park>(outcome)) co_return outcome;
                break;  // refused for now: the next claim says until when
            }
            case ReplyClaim::State::closed:
                live_.publish(channel, ready.turn ? live_withdrawn(*ready.turn) : live_changed());
                co_return Drop{claim.reason};
            case ReplyClaim::State::delivered:
                live_.publish(channel, live_changed());
                co_return Drop{"delivered before"};
            case ReplyClaim::State::wait:
            case ReplyClaim::State::held:
                // What goes before this one was parked, or it would be over: it comes back behind us in this
                // very lane, so let it pass.
                if (claim.until - started > longest_lane_wait || claim.reason == waits_for_earlier) {
                    Record again = to_record(ready);
                    again.headers = copy_of(record.headers);
                    const bool earlier = claim.reason == waits_for_earlier;
                    const SysTime due = earlier ? std::min(claim.until, now + asks_for_earlier) : claim.until;
                    co_return Park{
                        {due, std::move(again)},
                        claim.state == ReplyClaim::State::held ? "held by a newer message" : "not yet"};
                }
                co_await wait_until(claim.until);
        }
    }
}

// A worker that stops, or loses the partition, may end this wait at once; a send never.
Task<void> Relay::wait_until(SysTime when) {
    namespace asio = boost::asio;
    co_await asio::this_coro::reset_cancellation_state(asio::enable_partial_cancellation());
    co_await clock_.sleep_until(when);
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
}

// The intent is committed: whatever goes wrong before the send must be noted as certainly not sent.
Task<Sent> Relay::attempt(TenantId tenant, const ReplyClaim& claim) {
    Channel* channel = channels_.find(claim.channel);
    if (!channel) {
        co_return Sent{Sent::State::refused,
                       {},
                       {Fault::permanent, "relay.no_channel", "no such channel: " + claim.channel}};
    }
    Secret token;
    std::optional<Error> locked;
    if (!channel->sending_secret().empty()) {
        try {
            token = co_await vault_.find(tenant, std::string(channel->credentials()),
                                         std::string(channel->sending_secret()));
        } catch (const Failure& failure) {
            locked = failure.error();
        }
    }
    if (locked) {
        // An operator can mend a secret that cannot be opened.
        if (locked->fault == Fault::permanent) locked->retry_after = longest_pause;
        locked->fault = Fault::transient;
        co_return Sent{Sent::State::refused, {}, *locked};
    }
    Outbound bubble{claim.account, claim.to, claim.text, claim.permit->reply(), std::move(token)};
    co_return co_await channel->send(std::move(bubble), *claim.permit);
}

// Only we know how the send ended: a database that is away for a moment must not make it unknown.
Task<void> Relay::note(TenantId tenant, DeliveryPermit permit, Sent sent, std::optional<SysTime> due, SysTime now) {
    const SysTime until = clock_.now() + longest_note;
    for (;;) {
        std::optional<Error> failed;
        try {
            co_await store_.finish(tenant, permit, sent, due, now);
        } catch (const Failure& failure) {
            failed = failure.error();
        }
        if (!failed) co_return;
        if (failed->fault == Fault::permanent || clock_.now() >= until) throw Failure(*failed);
        co_await clock_.sleep_until(clock_.now() + note_again);
    }
}

// Park says that the ledger has it open again.
Task<Outcome> Relay::send(TenantId tenant, ConversationId conversation, ReplyClaim claim) {
    Sent sent = co_await attempt(tenant, claim);
    const SysTime now = clock_.now();
    std::optional<SysTime> due;
    if (sent.state == Sent::State::refused && sent.error.fault == Fault::transient) {
        due = now + pause_after(claim.permit->attempt(), sent.error.retry_after);
    }
    const Sent::State state = sent.state;
    const std::string code = sent.error.code;
    if (state != Sent::State::accepted) {
        log_warn("delivery.not_confirmed", {{"channel", claim.channel},
                                            {"tenant", tenant.value},
                                            {"reply", claim.permit->reply().to_string()},
                                            {"attempt", claim.permit->attempt()},
                                            {"state", state == Sent::State::refused ? "refused" : "unknown"},
                                            {"code", code},
                                            {"text", sent.error.text}});
    }
    co_await note(tenant, *claim.permit, std::move(sent), due, now);
    live_.publish(conversation_channel(tenant, conversation), live_changed());
    switch (state) {
        case Sent::State::accepted:
            co_return Emit{};
        case Sent::State::unknown:
            co_return Drop{"delivery unknown"};
        case Sent::State::refused:
            break;
    }
    if (due) co_return Park{{*due, {}}, code};
    co_return Drop{"refused by the provider"};
}

}  // namespace relevo
