#include "stages/retrieve.hpp"

#include "domain/records.hpp"

namespace relevo {
namespace {

constexpr int passages_per_turn = 6;  // what fits a small model's prompt beside the conversation

}  // namespace

Task<Outcome> Retrieve::handle(std::span<const Envelope> records) {
    const TurnStep ready = decode_turn_step(records.front().value).value();
    TurnText turn = co_await store_.turn_text(ready.tenant, ready.turn);
    if (turn.state == TurnText::State::erased) co_return Drop{"erased"};
    if (turn.state == TurnText::State::over) {
        // A crash may have come between the decision to fall back and its publication.
        const auto replies = co_await store_.fail_turn(ready.tenant, ready.turn, "turn.over", clock_.now());
        if (replies.empty()) co_return Drop{"turn is over"};
        tell_desk_changed(live_, ready.tenant, ready.conversation);
        co_return Emit{to_records(ready.tenant, ready.conversation, ready.turn, replies)};
    }
    if (const SysTime now = clock_.now(); is_expired(records.front().headers, now)) {
        co_await store_.drop_turn(ready.tenant, ready.turn, "expired", now);
        co_return Drop{"expired"};
    }
    std::vector<Passage> passages =
        co_await store_.search(ready.tenant, std::move(turn.text), passages_per_turn);
    co_await store_.freeze_step(ready.tenant, ready.turn, std::move(passages), clock_.now());
    std::vector<Record> out;
    out.push_back(
        to_record(TurnStep{ready.tenant, ready.conversation, ready.turn, 0}, topics::inferences_requested));
    co_return Emit{std::move(out)};
}

Task<Outcome> Retrieve::give_up(std::span<const Envelope> records, Error error) {
    const auto ready = decode_turn_step(records.front().value);
    if (!ready) co_return Drop{"unreadable"};
    const auto replies = co_await store_.fail_turn(ready->tenant, ready->turn, error.code, clock_.now());
    // A human may have the conversation now.
    tell_desk_changed(live_, ready->tenant, ready->conversation);
    co_return Emit{to_records(ready->tenant, ready->conversation, ready->turn, replies)};
}

}  // namespace relevo
