#include "stages/relay.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>

#include "core/log.hpp"
#include "domain/records.hpp"

namespace relevo {
namespace {

// Together below the pipeline's stuck_after of 110 s: this wait, 10 s each at most for the last claim, the
// secret and the send, and then the note, the last try of which takes up to 10 s more.
constexpr Millis longest_lane_wait{35'000};
constexpr Millis longest_note{30'000};  // how long PostgreSQL may be away while only we know how a send ended
constexpr Millis note_again{500};
constexpr Millis operator_pause{300'000};

// The record as it came, back at `due`: at the latest when it expires, so that the conversation shows it.
Park park(const ReplyReady& ready, const Envelope& record, SysTime due, std::string_view reason) {
    Record again = to_record(ready);
    again.headers = copy_of(record.headers);
    if (record.headers.expires) due = std::min(due, *record.headers.expires + Millis{1});
    return {{due, std::move(again)}, std::string(reason)};
}

Admission::Asker asker_of(const ReplyReady& ready, const ReplyClaim& claim) {
    return {claim.channel, claim.account, ready.conversation, ready.reply};
}

}  // namespace

Task<Outcome> Relay::handle(std::span<const Envelope> records) {
    const Envelope& record = records.front();
    // A replay, a restored backup, a topic of another installation: none may reach a customer, nor our rows.
    if (record.headers.installation != settings_.installation) co_return Drop{"of another installation"};
    const SysTime patient_until = clock_.now() + longest_lane_wait;
    const ReplyReady ready = decode_reply_ready(record.value).value();
    const std::string live_channel = conversation_channel(ready.tenant, ready.conversation);
    Pass pass;
    for (;;) {
        const SysTime now = clock_.now();
        // What expired may have been delivered long before: a replay of an old record.
        const bool expired = is_expired(record.headers, now);
        Task<ReplyClaim> asked = expired ? store_.expire(ready.tenant, ready.reply, now)
                                         : store_.claim(ready.tenant, ready.reply, now, pass.has_value());
        ReplyClaim claim = co_await std::move(asked);
        Pass admitted = std::move(pass);
        pass.reset();
        switch (claim.state) {
            case ReplyClaim::State::send: {
                Outcome outcome = co_await send(ready, std::move(claim), std::move(admitted));
                if (!std::holds_alternative<Park>(outcome)) co_return outcome;
                break;  // refused for now: the next claim says until when
            }
            case ReplyClaim::State::ready: {
                const auto hold = co_await admit(asker_of(ready, claim), patient_until, pass);
                if (!hold) break;
                watch_.parked(claim.channel, hold->reason);
                co_await store_.postpone(ready.tenant, ready.reply, hold->until);
                co_return park(ready, record, hold->until, hold->reason);
            }
            case ReplyClaim::State::closed:
                live_.publish(live_channel, ready.turn ? live_withdrawn(*ready.turn) : live_changed());
                co_return Drop{claim.reason};
            case ReplyClaim::State::delivered:
                live_.publish(live_channel, live_changed());
                co_return Drop{"delivered before"};
            case ReplyClaim::State::held:
                if (claim.until > patient_until) {
                    co_return park(ready, record, claim.until, "held by a newer message");
                }
                co_await wait_until(claim.until);
                break;
            case ReplyClaim::State::wait:
                // What goes before this one was parked, or it would be over: it comes back behind us in this
                // very lane, so let it pass.
                if (claim.until > patient_until || claim.reason == waits_for_earlier) {
                    co_return park(ready, record, claim.until, "not yet");
                }
                co_await wait_until(claim.until);
        }
    }
}

ChannelLimits Relay::limits_of(const Channel& channel) const {
    ChannelLimits limits = channel.limits();
    if (!settings_.retries.empty()) limits.retries = settings_.retries;
    return limits;
}

// Waits for the slot and takes the pass; else says why not.
Task<std::optional<Admission::Hold>> Relay::admit(const Admission::Asker& asker, SysTime patient_until,
                                                  Pass& pass) {
    const Channel* channel = channels_.find(asker.channel);
    const ChannelLimits limits = channel ? limits_of(*channel) : ChannelLimits{};
    for (;;) {
        const auto slot = co_await admission_.slot(asker, limits, patient_until - clock_.now());
        Admission::Hold hold;
        if (const auto* at = std::get_if<SysTime>(&slot)) {
            if (*at > clock_.now()) co_await wait_until(*at);
            auto entered = admission_.enter(asker, limits);
            if (auto* entry = std::get_if<Admission::Pass>(&entered)) {
                pass.emplace(std::move(*entry));
                co_return std::nullopt;
            }
            hold = std::get<Admission::Hold>(entered);
        } else {
            hold = std::get<Admission::Hold>(slot);
        }
        if (hold.reason != Admission::Hold::probed || hold.until > patient_until) co_return hold;
        co_await wait_until(hold.until);
    }
}

// A worker that stops, or loses the partition, may end this wait at once; a send never.
Task<void> Relay::wait_until(SysTime when) {
    namespace asio = boost::asio;
    co_await asio::this_coro::reset_cancellation_state(asio::enable_partial_cancellation());
    co_await clock_.sleep_until(when);
    // Told to end in the very moment in which the wait was over: a reset would forget it.
    const asio::cancellation_state told = co_await asio::this_coro::cancellation_state;
    if (told.cancelled() != asio::cancellation_type::none)
        throw boost::system::system_error(asio::error::operation_aborted);
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
}

// The intent is committed: whatever goes wrong before the send must be noted as certainly not sent.
Task<Sent> Relay::attempt(const ReplyReady& ready, const ReplyClaim& claim, Pass pass) {
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
            token = co_await vault_.find(ready.tenant, std::string(channel->credentials()),
                                         std::string(channel->sending_secret()));
        } catch (const Failure& failure) {
            locked = failure.error();
        }
    }
    if (locked) {
        // An operator can mend a secret that cannot be opened.
        if (locked->fault == Fault::permanent) locked->retry_after = operator_pause;
        locked->fault = Fault::transient;
        co_return Sent{Sent::State::refused, {}, *locked};
    }
    Outbound bubble{claim.account, claim.to, claim.text, claim.permit->reply(), std::move(token)};
    Sent sent = co_await channel->send(std::move(bubble), *claim.permit);
    if (pass) admission_.ended(asker_of(ready, claim), limits_of(*channel), std::move(*pass), sent);
    co_return sent;
}

// Only we know how the send ended: a database that is away for a moment must not make it unknown.
Task<void> Relay::note(TenantId tenant, DeliveryPermit permit, Sent sent, std::optional<SysTime> due,
                       SysTime now) {
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
Task<Outcome> Relay::send(const ReplyReady& ready, ReplyClaim claim, Pass pass) {
    Sent sent = co_await attempt(ready, claim, std::move(pass));
    const SysTime now = clock_.now();
    std::optional<SysTime> due;
    if (sent.state == Sent::State::refused && sent.error.fault == Fault::transient) {
        const Channel* channel = channels_.find(claim.channel);
        const ChannelLimits limits = channel ? limits_of(*channel) : ChannelLimits{};
        due = now + retry_wait(limits.retries, claim.permit->attempt(), sent.error.retry_after);
    }
    const Sent::State state = sent.state;
    const std::string code = sent.error.code;
    if (state != Sent::State::accepted) {
        watch_.failed(claim.channel, code);
        log_warn("delivery.not_confirmed", {{"channel", claim.channel},
                                            {"tenant", ready.tenant.value},
                                            {"reply", claim.permit->reply().to_string()},
                                            {"attempt", claim.permit->attempt()},
                                            {"state", state == Sent::State::refused ? "refused" : "unknown"},
                                            {"code", code},
                                            {"text", sent.error.text}});
    }
    co_await note(ready.tenant, *claim.permit, std::move(sent), due, now);
    live_.publish(conversation_channel(ready.tenant, ready.conversation), live_changed());
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
