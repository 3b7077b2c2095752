#include <doctest/doctest.h>

#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct Sending {
    explicit Sending(Fixture& fixture)
        : account(fixture.account()),
          replies(fixture.answer(fixture.claim(fixture.store("1", "hola", at(0)), at(16)), {"uno", "dos"},
                                 at(17))),
          claim(fixture.ask(replies[0], at(18))) {}
    Account account;
    std::vector<ReplyId> replies;
    ReplyClaim claim;
};

Receipt receipt(ReceiptStatus status, std::string provider_id = "p1", std::string reply = "") {
    return {"1001", std::move(provider_id), std::move(reply), status, at(20), "131026", "undeliverable"};
}

}  // namespace

TEST_CASE("receipts move forward only, whatever their order") {
    Fixture fixture;
    Sending sending(fixture);
    fixture.accept(sending.claim, "p1", at(19));
    const auto settle = [&](ReceiptStatus status) {
        return run(fixture.settle->settle(sending.account, receipt(status), at(20))).state;
    };
    CHECK(settle(ReceiptStatus::delivered) == Settled::State::moved);
    CHECK(settle(ReceiptStatus::sent) == Settled::State::stale);
    CHECK(settle(ReceiptStatus::delivered) == Settled::State::stale);
    CHECK(settle(ReceiptStatus::failed) == Settled::State::stale);
    CHECK(settle(ReceiptStatus::read) == Settled::State::moved);
    CHECK(fixture.test.query("SELECT receipt, status FROM deliveries") == "read|confirmed");
}

TEST_CASE("a receipt confirms a delivery of which nothing was known") {
    Fixture fixture;
    Sending sending(fixture);
    run(fixture.relay->finish(fixture.ballet, *sending.claim.permit, {Sent::State::unknown, "", {}}, {},
                              at(19)));
    CHECK(fixture.ask(sending.replies[1], at(25)).state == ReplyClaim::State::wait);
    const auto settled = run(fixture.settle->settle(
        sending.account, receipt(ReceiptStatus::delivered, "wamid.9", sending.replies[0].to_string()),
        at(26)));
    CHECK(settled.state == Settled::State::moved);
    CHECK(fixture.reply_status(sending.replies[0]) == "sent");
    CHECK(fixture.test.query("SELECT text FROM messages WHERE direction = 'out'") == "uno");
    CHECK(fixture.ask(sending.replies[1], at(27)).state == ReplyClaim::State::send);
}

TEST_CASE("a receipt that overtakes our own note counts, and the note changes nothing") {
    Fixture fixture;
    Sending sending(fixture);
    run(fixture.settle->settle(sending.account,
                               receipt(ReceiptStatus::sent, "p1", sending.replies[0].to_string()), at(18)));
    fixture.accept(sending.claim, "p1", at(19));
    CHECK(fixture.test.query("SELECT status, receipt, provider_id FROM deliveries") == "confirmed|sent|p1");
    CHECK(fixture.test.query("SELECT count(*) FROM messages WHERE direction = 'out'") == "1");
}

TEST_CASE("a failure after `sent` fails the bubble, which leaves the prompt") {
    Fixture fixture;
    Sending sending(fixture);
    fixture.accept(sending.claim, "p1", at(19));
    run(fixture.settle->settle(sending.account, receipt(ReceiptStatus::sent), at(20)));
    CHECK(run(fixture.settle->settle(sending.account, receipt(ReceiptStatus::failed), at(21))).state ==
          Settled::State::moved);
    CHECK(fixture.reply_status(sending.replies[0]) == "failed");
    CHECK(run(fixture.settle->settle(sending.account, receipt(ReceiptStatus::read), at(22))).state ==
          Settled::State::stale);
    CHECK(fixture.test.query("SELECT code FROM deliveries") == "131026");
}

TEST_CASE("a receipt for nothing of ours, or of another shop's account, moves nothing") {
    Fixture fixture;
    Sending sending(fixture);
    fixture.accept(sending.claim, "p1", at(19));
    CHECK(run(fixture.settle->settle(sending.account, receipt(ReceiptStatus::read, "nobody's"), at(20)))
              .state == Settled::State::not_ours);
    CHECK(run(fixture.settle->settle(sending.account, receipt(ReceiptStatus::read, "", "not an id"), at(20)))
              .state == Settled::State::not_ours);
    const Account elsewhere = fixture.account("whatsapp", "2002");
    CHECK(run(fixture.settle->settle(
                  elsewhere, receipt(ReceiptStatus::read, "p1", sending.replies[0].to_string()), at(20)))
              .state == Settled::State::not_ours);
    CHECK(fixture.test.query("SELECT coalesce(receipt, 'none') FROM deliveries") == "none");
}
