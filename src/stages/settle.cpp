#include "stages/settle.hpp"

#include "domain/records.hpp"

namespace relevo {

Task<Outcome> Settle::handle(std::span<const Envelope> records) {
    ReceiptReceived received = decode_receipt_received(records.front().value).value();
    const auto account =
        co_await store_.find_account(received.channel, received.receipt.account, received.scope);
    if (!account) {
        throw Failure({Fault::permanent, "resolve.unknown_account",
                       "a receipt for " + received.channel + " account '" + received.receipt.account +
                           "', which no shop has registered"});
    }
    if (!speaks_for(received.scope, *account)) {
        throw Failure({Fault::permanent, "resolve.foreign_account",
                       "a receipt for " + received.channel + " account '" + received.receipt.account +
                           "' came through another webhook address"});
    }
    const Settled settled = co_await store_.settle(*account, std::move(received.receipt), clock_.now());
    switch (settled.state) {
        case Settled::State::not_ours:
            co_return Drop{"receipt of a message that is not ours"};
        case Settled::State::stale:
            co_return Drop{"receipt came late or twice"};
        case Settled::State::moved:
            break;
    }
    live_.publish(conversation_channel(account->tenant, settled.conversation), live_changed());
    co_return Emit{};
}

}  // namespace relevo
