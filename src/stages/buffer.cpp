#include "stages/buffer.hpp"

#include <algorithm>

#include "domain/records.hpp"

namespace relevo {
namespace {

constexpr Millis try_later{5'000};  // about what a turn takes

}  // namespace

BurstPolicy Buffer::window(const Envelope& record) const {
    const auto message = decode_message_resolved(record.value);
    return message ? message->window : BurstPolicy{};  // handle says what is wrong with it
}

Task<Outcome> Buffer::handle(std::span<const Envelope> records) {
    std::vector<MessageId> ids;
    MessageResolved message;  // the newest
    Headers headers;          // of its record
    std::optional<SysTime> expires;
    for (const auto& record : records) {
        MessageResolved next = decode_message_resolved(record.value).value();
        ids.push_back(next.message);
        expires = std::max(expires, record.headers.expires);
        if (ids.size() > 1 && next.seq < message.seq) continue;
        headers = record.headers;
        message = std::move(next);
    }
    headers.expires = expires;  // a burst may be answered as long as any of its messages may
    const SysTime now = clock_.now();
    if (is_expired(headers, now)) {
        co_await store_.expire(message.tenant, message.conversation, std::move(ids), now);
        co_return Drop{"expired"};
    }
    const TurnClaim claim = co_await store_.claim_turn(message.tenant, message.conversation, std::move(ids),
                                                       now, max_open_turns_);
    switch (claim.state) {
        case TurnClaim::State::claimed: {
            std::vector<Record> out;
            out.push_back(to_record(TurnStep{message.tenant, message.conversation, claim.turn, 0},
                                    topics::turns_ready));
            out.back().headers.expires = expires;
            co_return Emit{std::move(out)};
        }
        case TurnClaim::State::none:
            co_return Drop{"nothing left to answer"};
        case TurnClaim::State::too_many: {
            // One record is enough to come back with: a turn claims every unclaimed message. The newest,
            // because redelivered ones may belong to a turn already.
            Record again = to_record(message);
            again.headers = std::move(headers);
            co_return Park{{now + try_later, std::move(again)}, "too many open turns"};
        }
    }
    co_return Drop{"nothing left to answer"};
}

}  // namespace relevo
