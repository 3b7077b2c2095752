#include "stages/buffer.hpp"

#include <algorithm>
#include <utility>

#include "domain/records.hpp"

namespace relevo {
namespace {

constexpr Millis try_later{5'000};  // about what a turn takes

}  // namespace

struct Buffer::Burst {
    std::vector<MessageId> messages;
    MessageResolved newest;
    HeaderViews headers;  // of its record, but for the expiry, which is the latest of all
    std::vector<std::pair<const Envelope*, Error>> unreadable;
};

BurstPolicy Buffer::window(const Envelope& record) const {
    const auto message = decode_message_resolved(record.value);
    return message ? message->window : BurstPolicy{};  // handle says what is wrong with it
}

Task<Outcome> Buffer::handle(std::span<const Envelope> records) {
    Burst burst;
    std::optional<SysTime> expires;
    for (const auto& record : records) {
        Result<MessageResolved> message = decode_message_resolved(record.value);
        if (!message) {
            burst.unreadable.emplace_back(&record, message.error());
            continue;
        }
        expires = std::max(expires, record.headers.expires);
        burst.messages.push_back(message->message);
        if (burst.messages.size() > 1 && message->seq < burst.newest.seq) continue;
        burst.headers = record.headers;
        burst.newest = std::move(*message);
    }
    if (burst.messages.empty()) throw Failure(burst.unreadable.front().second);  // the worker sets all aside
    burst.headers.expires = expires;
    Outcome outcome = co_await decide(burst);
    // Last: until the others have what they are to become, they all may come again, here or from a timer.
    for (const auto& [record, error] : burst.unreadable) co_await set_aside_(*record, error);
    co_return outcome;
}

Task<Outcome> Buffer::decide(const Burst& burst) {
    const MessageResolved& message = burst.newest;
    const SysTime now = clock_.now();
    if (is_expired(burst.headers, now)) {
        co_await store_.expire(message.tenant, message.conversation, burst.messages, now);
        co_return Drop{"expired"};
    }
    const TurnClaim claim = co_await store_.claim_turn(message.tenant, message.conversation, burst.messages,
                                                       now, max_open_turns_);
    switch (claim.state) {
        case TurnClaim::State::claimed: {
            std::vector<Record> out;
            out.push_back(to_record(TurnStep{message.tenant, message.conversation, claim.turn, 0},
                                    topics::turns_ready));
            out.back().headers.expires = burst.headers.expires;
            co_return Emit{std::move(out)};
        }
        case TurnClaim::State::none:
            co_return Drop{"nothing left to answer"};
        case TurnClaim::State::too_many: {
            // One record is enough to come back with: a turn claims every unclaimed message. The newest,
            // because redelivered ones may belong to a turn already.
            Record again = to_record(message);
            again.headers = copy_of(burst.headers);
            co_return Park{{now + try_later, std::move(again)}, "too many open turns"};
        }
    }
    co_return Drop{"nothing left to answer"};
}

}  // namespace relevo
