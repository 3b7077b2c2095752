#include "postgres/persons.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <future>

#include "tests/postgres/erasing.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE("what is written while an erasure goes on goes with the rest, and the erasure says until when") {
    Erasing it;
    it.store("1", "hola", at(0));
    const Secret key = it.key();
    const KnownPerson who = it.known();
    ErasureNote note{it.ballet, it.drawn(), at(10), "tester", {}};
    note = run(begin_erasure(it.database, note, who.aliases, key));
    CHECK_FALSE(it.store("2", "meanwhile", at(20)).erased);
    std::vector<SysTime> noted;
    const auto keep = [&](const ErasureNote& told) { noted.push_back(told.erased_at); };
    const Erased erased = run(erase_person(it.database, note, who, key, keep, [](double) {})).value();
    CHECK(erased.erased_at == at(20));
    CHECK(noted.back() == at(20));
    CHECK(it.store("3", "as old as that", at(20)).erased);
    CHECK_FALSE(it.store("4", "soy nueva", at(21)).erased);
}

TEST_CASE("a call that is open when its person is erased is counted when it ends, as nobody's") {
    Erasing it;
    const auto message = it.store("1", "hola", at(0));
    const TurnId turn = it.claim(message, at(1));
    const auto granted =
        run(it.infer->reserve_call(it.ballet, turn, 0, {"openai", "", "m", false, 10, 10}, at(2)));
    CHECK(granted.state == CallReservation::State::granted);
    it.erase();
    run(it.infer->settle_call(it.ballet, turn, 0, "model.timeout", {7, 3, false}, at(3), granted.attempt));
    CHECK(it.test.query(fmt::format("SELECT status, input_tokens, turn_id <> '{}', conversation_id <> '{}' "
                                    "FROM model_calls",
                                    turn.to_string(), message.conversation.to_string())) == "settled|7|t|t");
}

TEST_CASE(
    "an answer under way writes nothing more of the erased, at whichever step it is, and others are "
    "answered") {
    for (int step = 0; step <= 5; ++step) {
        CAPTURE(step);
        Erasing it;
        const auto message = it.store("1", "hola", at(0));
        const auto other = it.store("2", "hola", at(0), eva);
        const auto erase_at = [&](int now) {
            if (now == step) it.erase();
        };
        erase_at(0);
        const auto claimed =
            run(it.buffer->claim_turn(it.ballet, message.conversation, {message.message}, at(1), 100));
        CHECK((claimed.state == TurnClaim::State::claimed) == (step > 0));
        if (step == 0) {
            CHECK(it.test.query("SELECT count(*) FROM turns") == "0");
        } else {
            const TurnId turn = claimed.turn;
            erase_at(1);
            const auto text = run(it.retrieve->turn_text(it.ballet, turn));
            CHECK((text.state == TurnText::State::erased) == (step == 1));
            run(it.retrieve->freeze_step(it.ballet, turn, {}, at(2)));
            erase_at(2);
            CHECK((run(it.infer->load(it.ballet, turn, 0)).state == Inference::State::erased) == (step <= 2));
            Completion completion;
            completion.text = "buenas";
            const auto replies =
                run(it.infer->commit_answer(it.ballet, turn, 0, completion, {"buenas"}, at(3)));
            CHECK(replies.size() == (step <= 2 ? 0 : 1));
            CHECK(run(it.infer->fail_turn(it.ballet, turn, "model.refused", at(3))).size() == replies.size());
            if (!replies.empty()) {
                erase_at(3);
                auto claim = it.ask(replies.front(), at(4));
                CHECK((claim.state == ReplyClaim::State::send) == (step > 3));
                if (step == 3) CHECK(claim.reason == "erased");
                erase_at(4);
                if (claim.permit) it.accept(claim, "out.1", at(4));
                erase_at(5);
                Receipt receipt;
                receipt.provider_id = "out.1";
                receipt.status = ReceiptStatus::read;
                CHECK(run(it.settle->settle(it.account(), receipt, at(5))).state == Settled::State::not_ours);
            }
        }
        CHECK(it.test.query("SELECT count(*) FROM messages") == "1");
        for (const auto* table : {"turns", "steps", "answers", "replies", "deliveries"}) {
            CAPTURE(table);
            CHECK(it.test.query(fmt::format("SELECT count(*) FROM {}", table)) == "0");
        }
        const auto bubbles = it.answer(it.claim(other, at(10)), {"buenas"}, at(11));
        CHECK(it.ask(bubbles.front(), at(12)).state == ReplyClaim::State::send);
    }
}

TEST_CASE(
    "messages that arrive while their person is erased are gone or somebody new's, and nobody else's is "
    "lost") {
    Erasing it;
    for (int round = 0; round < 8; ++round) {
        const std::string person = fmt::format("54911600000{:02}", round);
        if (round % 2 == 0) it.store(fmt::format("first.{}", round), "hola", at(0), person);
        const KnownPerson who = it.known(person);
        const Secret key = it.key();
        const SysTime when = later();
        std::vector<Task<StoredMessage>> arriving;
        for (int i = 0; i < 40; ++i) {
            const bool hers = i % 2 == 0;
            const std::string sender = hers ? person : fmt::format("549117{:02}{:02}", round, i);
            arriving.push_back(it.resolve->store_message(
                it.account(), inbound(fmt::format("{}.{}", round, i), "CANARY", sender), when - Millis{10},
                ""));
        }
        boost::asio::io_context io;
        std::vector<std::future<StoredMessage>> stored;
        for (auto& task : arriving) {
            stored.push_back(boost::asio::co_spawn(io, std::move(task), boost::asio::use_future));
        }
        auto erasing = boost::asio::co_spawn(
            io,
            [&]() -> Task<void> {
                ErasureNote note{it.ballet, it.drawn(), when, "tester", {}};
                note = co_await begin_erasure(it.database, note, who.aliases, key);
                (co_await erase_person(it.database, note, who, key, ignored, [](double) {})).value();
            },
            boost::asio::use_future);
        io.run();
        erasing.get();
        for (auto& message : stored) message.get();
        CAPTURE(round);
        CHECK(it.test.query(fmt::format("SELECT count(*) FROM aliases WHERE value = '{}'", person)) == "0");
        CHECK(it.test.query(fmt::format("SELECT count(*) FROM messages WHERE event_id LIKE '{}.%'", round)) ==
              "20");
    }
    CHECK(it.test.query("SELECT count(*) FROM dead_letters") == "0");
    // every message of hers is in the books, once
    CHECK(it.test.query("SELECT ended, reason, sum(count) FROM erased_messages GROUP BY 1, 2") ==
          "dropped|erased|164");
}

TEST_CASE("an erasure that was cut off goes on under its own id") {
    Erasing it;
    it.store("1", "hola", at(0));
    const Secret key = it.key();
    const auto begin = [&](SysTime when) {
        return run(
            begin_erasure(it.database, {it.ballet, it.drawn(), when, "tester", {}}, it.known().aliases, key));
    };
    const SysTime when = later();
    const auto first = begin(when);
    CHECK(it.store("2", "meanwhile", when).erased);
    const auto second = begin(when + Millis{500});
    CHECK(second.erasure == first.erasure);
    CHECK(second.erased_at == when + Millis{500});
    const auto open = run(open_erasures(it.database, it.ballet));
    REQUIRE(open.size() == 1);
    CHECK(run(finish_erasures(it.database, it.ballet, open, key, ignored)) == 1);
    CHECK(it.rows() == 0);
    CHECK(run(open_erasures(it.database, it.ballet)).empty());
    CHECK(it.test.query("SELECT count(*) FROM erasures WHERE done_at IS NULL") == "0");
}
