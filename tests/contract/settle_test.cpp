#include <doctest/doctest.h>

#include "tests/contract/stores.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct Sending {
    explicit Sending(Stores& stores)
        : account(stores.account()),
          replies(
              stores.answer(stores.claim(stores.store("1", "hola", at(0)), at(16)), {"uno", "dos"}, at(17))),
          claim(stores.ask(replies[0], at(18))) {}
    Account account;
    std::vector<ReplyId> replies;
    ReplyClaim claim;
};

Receipt receipt(ReceiptStatus status, std::string provider_id = "p1", std::string reply = "") {
    return {"1001", std::move(provider_id), std::move(reply), status, at(20), "131026", "undeliverable"};
}

}  // namespace

TEST_CASE_TEMPLATE("receipts move forward only, whatever their order", S, SimulatedStores, PostgresStores) {
    S stores;
    const Sending sending(stores);
    stores.accept(sending.claim, "p1", at(19));
    const auto settle = [&](ReceiptStatus status) {
        return stores.receipt(sending.account, receipt(status), at(20)).state;
    };
    CHECK(settle(ReceiptStatus::delivered) == Settled::State::moved);
    CHECK(settle(ReceiptStatus::sent) == Settled::State::stale);
    CHECK(settle(ReceiptStatus::delivered) == Settled::State::stale);
    CHECK(settle(ReceiptStatus::failed) == Settled::State::stale);
    CHECK(settle(ReceiptStatus::read) == Settled::State::moved);
    CHECK(stores.delivery(sending.replies[0]) == "confirmed, p1, receipt read");
}

TEST_CASE_TEMPLATE("a receipt confirms a delivery of which nothing was known", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    const Sending sending(stores);
    stores.end_unknown(sending.claim, at(19));
    CHECK(stores.ask(sending.replies[1], at(25)).state == ReplyClaim::State::wait);
    const auto settled =
        stores.receipt(sending.account,
                       receipt(ReceiptStatus::delivered, "wamid.9", sending.replies[0].to_string()), at(26));
    CHECK(settled.state == Settled::State::moved);
    CHECK(stores.status(sending.replies[0]) == "sent");
    CHECK(stores.row("message out") == "2 agent message: uno");
    CHECK(stores.ask(sending.replies[1], at(27)).state == ReplyClaim::State::send);
}

TEST_CASE_TEMPLATE("a receipt that overtakes our own note counts, and the note changes nothing", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const Sending sending(stores);
    stores.receipt(sending.account, receipt(ReceiptStatus::sent, "p1", sending.replies[0].to_string()),
                   at(18));
    stores.accept(sending.claim, "p1", at(19));
    CHECK(stores.delivery(sending.replies[0]) == "confirmed, p1, receipt sent");
    CHECK(stores.count("message out") == 1);
}

TEST_CASE_TEMPLATE("a failure after `sent` fails the bubble, which leaves the prompt", S, SimulatedStores,
                   PostgresStores) {
    S stores;
    const Sending sending(stores);
    stores.accept(sending.claim, "p1", at(19));
    stores.receipt(sending.account, receipt(ReceiptStatus::sent), at(20));
    CHECK(stores.receipt(sending.account, receipt(ReceiptStatus::failed), at(21)).state ==
          Settled::State::moved);
    CHECK(stores.status(sending.replies[0]) == "failed: 131026");
    CHECK(stores.receipt(sending.account, receipt(ReceiptStatus::read), at(22)).state ==
          Settled::State::stale);
}

TEST_CASE_TEMPLATE("a receipt for nothing of ours, or of another shop's account, moves nothing", S,
                   SimulatedStores, PostgresStores) {
    S stores;
    const Sending sending(stores);
    stores.accept(sending.claim, "p1", at(19));
    CHECK(stores.receipt(sending.account, receipt(ReceiptStatus::read, "nobody's"), at(20)).state ==
          Settled::State::not_ours);
    CHECK(stores.receipt(sending.account, receipt(ReceiptStatus::read, "", "not an id"), at(20)).state ==
          Settled::State::not_ours);
    const Account elsewhere = stores.account("whatsapp", "2002");
    CHECK(
        stores.receipt(elsewhere, receipt(ReceiptStatus::read, "p1", sending.replies[0].to_string()), at(20))
            .state == Settled::State::not_ours);
    CHECK(stores.delivery(sending.replies[0]) == "confirmed, p1, receipt -");
}
