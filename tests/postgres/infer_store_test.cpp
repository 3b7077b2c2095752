#include <doctest/doctest.h>

#include "postgres/request_stores.hpp"
#include "postgres/shops.hpp"
#include "postgres/stored_turns.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE("of two answers to one turn the first stays and both callers get its bubbles") {
    Fixture fixture(8);
    const TurnId turn = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    run(fixture.retrieve->freeze_step(fixture.ballet, turn, {}, at(17)));
    std::vector<Task<std::vector<ReplyId>>> tasks;
    for (int i = 0; i < 10; ++i) {
        std::vector<std::string> bubbles(static_cast<std::size_t>(i % 3 + 1), "versión " + std::to_string(i));
        tasks.push_back(fixture.infer->commit_answer(fixture.ballet, turn, 0, {}, bubbles, at(18)));
    }
    const auto answers = run_all(std::move(tasks));
    for (const auto& answer : answers) CHECK(answer == answers[0]);
    CHECK(fixture.test.query("SELECT count(DISTINCT text) FROM replies") == "1");
    const auto again = run(fixture.infer->load(fixture.ballet, turn, 0));
    CHECK(again.state == Inference::State::answered);
    CHECK(again.replies == answers[0]);
}

TEST_CASE("the prompt has the shop's and the agent's names and what the messages carry beside their text") {
    Fixture fixture;
    Inbound asked = inbound("1", "puntas");
    asked.metadata = "{\"referral\":\"ad\"}";
    const auto stored = run(fixture.resolve->store_message(fixture.account(), asked, at(0), "t"));
    const auto inference = run(fixture.infer->load(fixture.ballet, fixture.claim(stored, at(16)), 0));
    CHECK(inference.shop == "Danza Clásica");
    CHECK(inference.agent.prompt == "Sos la vendedora de {STORE_NAME}.");
    CHECK(inference.metadata == "[{\"referral\": \"ad\"}]");
}

TEST_CASE("a turn keeps the agent that it began with") {
    Fixture fixture;
    const TurnId turn = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    run(fixture.retrieve->freeze_step(fixture.ballet, turn, {}, at(17)));
    ShopSpec changed = ballet_spec();
    changed.agent.prompt = "Otra persona.";
    run(apply_shop(fixture.database, fixture.vault, changed, fixture.random));
    CHECK(run(fixture.infer->load(fixture.ballet, turn, 0)).agent.prompt ==
          "Sos la vendedora de {STORE_NAME}.");
}

TEST_CASE("a turn keeps the fallback models that its agent had, and its step says who answered") {
    Fixture fixture;
    ShopSpec shop = ballet_spec();
    shop.agent.fallbacks = {{"openai", "https://b", "small", "other"}, {"offline", "", "", ""}};
    run(apply_shop(fixture.database, fixture.vault, shop, fixture.random));
    const TurnId turn = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    run(fixture.retrieve->freeze_step(fixture.ballet, turn, {}, at(17)));
    run(apply_shop(fixture.database, fixture.vault, ballet_spec(), fixture.random));
    const auto agent = run(fixture.infer->load(fixture.ballet, turn, 0)).agent;
    REQUIRE(agent.fallbacks.size() == 2);
    CHECK(agent.fallbacks[0].base_url == "https://b");
    CHECK(agent.fallbacks[0].model == "small");
    CHECK(agent.fallbacks[0].credentials == "other");
    CHECK(agent.fallbacks[1].provider == "offline");
    Completion completion;
    completion.provider = "offline";
    completion.in_vain = {{"openai", "small", "model.timeout"}};
    run(fixture.infer->commit_answer(fixture.ballet, turn, 0, completion, {"hola"}, at(18)));
    CHECK(fixture.test.query("SELECT response ->> 'provider', response #>> '{in_vain,0,code}' FROM steps") ==
          "offline|model.timeout");
    Database reading({fixture.test.operator_text_url(), 1});
    const auto stored = run(load_stored_turn(reading, fixture.ballet, turn, {})).steps.front();
    CHECK(stored.provider == "offline");
    CHECK(stored.in_vain.front().code == "model.timeout");
    CHECK(fixture.test.query("SELECT about ->> 'provider', about ->> 'in_vain' FROM steps") ==
          "offline|[\"model.timeout\"]");
}

TEST_CASE(
    "where the agent hands off a failed turn gives the conversation to a human, who is announced once") {
    Fixture fixture;
    ShopSpec shop = ballet_spec();
    shop.agent.hands_off = true;
    run(apply_shop(fixture.database, fixture.vault, shop, fixture.random));
    const auto stored = fixture.store("1", "hola", at(0));
    const TurnId turn = fixture.claim(stored, at(16));
    run(fixture.retrieve->freeze_step(fixture.ballet, turn, {}, at(17)));
    // what the owner decides meanwhile is for later turns
    run(apply_shop(fixture.database, fixture.vault, ballet_spec(), fixture.random));
    std::vector<Task<std::vector<ReplyId>>> tasks;
    for (int i = 0; i < 5; ++i)
        tasks.push_back(fixture.infer->fail_turn(fixture.ballet, turn, "model.timeout", at(18)));
    const auto told = run_all(std::move(tasks));
    for (const auto& replies : told) CHECK(replies == told[0]);
    REQUIRE(told[0].size() == 1);
    CHECK(fixture.test.query("SELECT status, reason FROM turns") == "failed|model.timeout");
    CHECK(fixture.test.query("SELECT mode, epoch, handled_seq FROM conversations") == "human|1|1");
    CHECK(run(fixture.infer->load(fixture.ballet, turn, 0)).state == Inference::State::over);
    CHECK(fixture.store("2", "¿hola?", at(19)).human);
    const auto sentence = fixture.ask(told[0][0], at(20));
    REQUIRE(sentence.state == ReplyClaim::State::send);
    CHECK(sentence.text.substr(0, 9) == "Disculpá");
    fixture.accept(sentence, "p1", at(20));
    CHECK(fixture.reply_status(told[0][0]) == "sent");
}

TEST_CASE(
    "what a shop says in the place of a first answer discloses, unless the shop wrote it there itself") {
    const auto said = [](const std::string& fallback, const std::string& disclosure, bool closed) {
        Fixture fixture;
        ShopSpec shop = ballet_spec();
        shop.fallback_text = fallback;
        shop.agent.disclosure = disclosure;
        if (closed) shop.agent.closed_text = "Abrimos el lunes.";
        shop.agent.hands_off = true;
        run(apply_shop(fixture.database, fixture.vault, shop, fixture.random));
        const TurnId turn = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
        const std::string code = closed ? "agent.closed" : "model.timeout";
        const auto replies = run(fixture.infer->fail_turn(fixture.ballet, turn, code, at(18)));
        CHECK(fixture.test.query("SELECT first_answer FROM conversations") == turn.to_string());
        return fixture.ask(replies.at(0), at(20)).text;
    };
    CHECK(said("Perdón.", "Soy un programa.", false) == "Soy un programa.\n\nPerdón.");
    CHECK(said("Perdón.", "Soy un programa.", true) == "Soy un programa.\n\nAbrimos el lunes.");
    CHECK(said("Perdón.", " \n", false) == "Perdón.");
    CHECK(said("soy un programa. Perdón.", "Soy un programa. ", false) == "soy un programa. Perdón.");
    CHECK(said("Soy Anabel, perdón.", "Soy Ana", false) == "Soy Ana\n\nSoy Anabel, perdón.");
    CHECK(said("Soy Ana, perdón.", "Soy Ana", false) == "Soy Ana, perdón.");
    CHECK(said("Soy Ana.Perdón.", "Soy Ana.", false) == "Soy Ana.Perdón.");
    CHECK(said("Soy Ana", "Soy Ana", false) == "Soy Ana");
}

TEST_CASE("a first answer that nobody got discloses again when its turn gives way to a human's sentence") {
    Fixture fixture;
    ShopSpec shop = ballet_spec();
    shop.fallback_text = "Perdón.";
    shop.agent.disclosure = "Soy un programa.";
    shop.agent.hands_off = true;
    run(apply_shop(fixture.database, fixture.vault, shop, fixture.random));
    const TurnId first = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    // too old to be superseded: its bubble waits beside the next turn
    const TurnId second = fixture.claim(fixture.store("2", "¿hola?", at(95)), at(111));
    fixture.answer(first, {"hola"}, at(112));
    const auto replies = run(fixture.infer->fail_turn(fixture.ballet, second, "model.timeout", at(113)));
    CHECK(fixture.test.query("SELECT status, reason FROM replies WHERE author = 'agent'") == "dropped|human");
    CHECK(fixture.ask(replies.at(0), at(114)).text == "Soy un programa.\n\nPerdón.");
}

TEST_CASE("a conversation that was answered before answers were noted does not disclose any more") {
    Fixture fixture;
    const auto is_first = [&](TurnId turn) {
        return run(fixture.infer->load(fixture.ballet, turn, 0)).is_first_answer;
    };
    const TurnId before = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    const auto replies = fixture.answer(before, {"uno"}, at(17));
    fixture.test.query("UPDATE conversations SET first_answer = NULL");
    fixture.accept(fixture.ask(replies[0], at(18)), "p1", at(18));
    const TurnId turn = fixture.claim(fixture.store("2", "¿y?", at(30)), at(46));
    CHECK_FALSE(is_first(turn));
    const auto later = run(fixture.infer->commit_answer(fixture.ballet, turn, 0, {}, {"dos"}, at(47),
                                                        {"soy un programa", "dos"}));
    CHECK(later.size() == 1);
    CHECK(fixture.test.query("SELECT first_answer IS NULL FROM conversations") == "t");
    // somebody who never was answered
    CHECK(is_first(fixture.claim(fixture.store("3", "hola", at(50), "5491150000002"), at(66))));
}

TEST_CASE("of two open turns that are answered at once the earlier one discloses, once") {
    Fixture fixture(8);
    const TurnId first = fixture.claim(fixture.store("1", "hola", at(0)), at(16));
    const TurnId second = fixture.claim(fixture.store("2", "¿hola?", at(95)), at(111));
    std::vector<Task<std::vector<ReplyId>>> tasks;
    for (int i = 0; i < 4; ++i) {
        for (const TurnId turn : {first, second}) {
            std::vector<std::string> bubbles{"hola"};
            std::vector<std::string> disclosing{"soy un programa", "hola"};
            tasks.push_back(
                fixture.infer->commit_answer(fixture.ballet, turn, 0, {}, bubbles, at(112), disclosing));
        }
    }
    run_all(std::move(tasks));
    const std::string of_first = " FROM replies WHERE turn_id = '" + first.to_string() + "'";
    CHECK(fixture.test.query("SELECT string_agg(text, ', ' ORDER BY index)" + of_first) ==
          "soy un programa, hola");
    CHECK(fixture.test.query("SELECT first_answer FROM conversations") == first.to_string());
    CHECK(fixture.test.query("SELECT DISTINCT index FROM replies WHERE text = 'soy un programa'") == "0");
}

TEST_CASE("what announces a human is not said once the agent has the conversation again") {
    Fixture fixture;
    ShopSpec shop = ballet_spec();
    shop.agent.hands_off = true;
    run(apply_shop(fixture.database, fixture.vault, shop, fixture.random));
    const auto stored = fixture.store("1", "hola", at(0));
    const TurnId turn = fixture.claim(stored, at(16));
    const auto replies = run(fixture.infer->fail_turn(fixture.ballet, turn, "model.timeout", at(18)));
    run(fixture.handoff->give_back(fixture.ballet, stored.conversation, at(19)));
    CHECK(fixture.ask(replies[0], at(20)).reason == "human");
}

TEST_CASE("what a shop hides is applied with it, frozen with the turn, and read again by a replay") {
    Fixture fixture;
    ShopSpec shop = ballet_spec();
    shop.redact = PersonalKinds{PersonalKind::email, PersonalKind::card};
    run(apply_shop(fixture.database, fixture.vault, shop, fixture.random));
    const TurnId turn = fixture.claim(fixture.store("1", "soy ana@x.com", at(0)), at(16));
    fixture.answer(turn, {"hola"}, at(17));
    ShopSpec hiding_all = ballet_spec();
    hiding_all.redact = all_personal_kinds();
    run(apply_shop(fixture.database, fixture.vault, hiding_all, fixture.random));
    Database reading({fixture.test.operator_text_url(), 1});
    const auto stored = run(load_stored_turn(reading, fixture.ballet, turn, {}));
    CHECK(stored.inference.hidden == shop.redact);
    CHECK(fixture.test.query("SELECT redact FROM tenants WHERE slug = 'ballet'") ==
          R"(["card", "iban", "national_id", "email", "phone"])");
    CHECK(fixture.test.query("SELECT request -> 'redact' FROM steps") == R"(["card", "email"])");
    CHECK_THROWS(fixture.test.query(R"(UPDATE tenants SET redact = '["passport"]')"));
    CHECK_THROWS(fixture.test.query(R"(UPDATE tenants SET redact = '"card"')"));
}

TEST_CASE("what the API states of a shop holds for the turn that begins next") {
    Fixture fixture;
    ShopSpec shop = ballet_spec();
    shop.agent.hours = {{4, 10 * 60, 19 * 60}};  // at(0) is a Thursday, 20:26 in UTC
    run(apply_shop(fixture.database, fixture.vault, shop, fixture.random));
    const auto begin = [&](const std::string& event, const std::string& person) {
        const TurnId turn = fixture.claim(fixture.store(event, "soy ana@x.com", at(0), person), at(16));
        run(fixture.retrieve->freeze_step(fixture.ballet, turn, {}, at(17)));
        return turn;
    };
    const auto load = [&](TurnId turn) { return run(fixture.infer->load(fixture.ballet, turn, 0)); };
    const TurnId before = begin("1", "1111");
    CHECK(load(before).closed);
    TenantChange change;
    change.time_zone = "America/Santiago";
    change.redact = PersonalKinds{};
    change.fallback_text = "Ahora no.";
    const auto book = make_request_book(fixture.database, fixture.masters, "the installation");
    const auto stores = book->begin(std::nullopt);
    run(stores->tenants().change(fixture.ballet, change, {"user", "ana", "Ana", "", Permissions::all()}));
    const TurnId after = begin("2", "2222");
    CHECK_FALSE(load(after).closed);
    CHECK(load(after).hidden.empty());
    CHECK(load(before).hidden == all_personal_kinds());
    run(fixture.infer->fail_turn(fixture.ballet, after, "model.timeout", at(18)));
    CHECK(fixture.test.query("SELECT text FROM replies") == "Ahora no.");
}
