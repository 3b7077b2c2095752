#include "postgres/shops.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <future>
#include <pqxx/pqxx>

#include "postgres/json.hpp"
#include "stages/ingress.hpp"
#include "stages/resolve.hpp"
#include "tests/postgres/fixture.hpp"
#include "tests/stages/fakes.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

// The tenant that a message to this account, in a webhook to this address, is stored for, or why it is for
// none.
std::string receive(Fixture& fixture, const std::string& key, const std::string& account,
                    InboundKind kind = InboundKind::message, std::string event = {}) {
    if (event.empty()) event = "wamid." + account;
    const auto endpoint = run(fixture.endpoints->find("whatsapp", key));
    REQUIRE(endpoint);
    Parsed parsed;
    parsed.inbound.push_back(inbound(event, "hola", "5491150000001", kind));
    parsed.inbound.back().account = account;
    const auto records = ingest(*endpoint, parsed, "here", "", at(0), Millis{1'000});
    RecordingLive live;
    Resolve resolve(*fixture.resolve, live);
    const std::vector<Envelope> envelopes{envelope_of(records.front())};
    try {
        run(resolve.handle(envelopes));
    } catch (const Failure& failure) {
        return failure.error().code;
    }
    return fixture.test.query(
        "SELECT m.tenant_id, a.external_id FROM messages AS m JOIN conversations AS c ON c.id = "
        "m.conversation_id "
        "JOIN accounts AS a ON a.id = c.account_id WHERE m.event_id = '" +
        event + "'");
}

using Texts = std::vector<std::string>;

Texts texts(const std::vector<ShopChange>& changes) {
    Texts all;
    for (const auto& it : changes)
        all.push_back(it.part + (it.name.empty() ? "" : " " + it.name) + " " + it.change);
    return all;
}

// Of a file that says nothing else.
ShopSpec nothing_of(const std::string& slug) {
    ShopSpec spec;
    spec.slug = slug;
    spec.agent_states.emplace();
    return spec;
}

// Of the other shop, under an app of its own, which it says.
ShopSpec own_app_spec() {
    ShopSpec spec = other_spec();
    spec.whatsapp->app_secret = Secret("their app's secret");
    return spec;
}

// All that an `apply` may change, but for the secrets' values.
std::string rows_of(Fixture& fixture) {
    return fixture.test.query(
        "SELECT md5(string_agg(x, ',' ORDER BY x)) FROM (SELECT to_jsonb(t)::text AS x FROM tenants t "
        "UNION ALL SELECT to_jsonb(e)::text FROM endpoints e UNION ALL SELECT to_jsonb(k)::text FROM "
        "credentials k UNION ALL SELECT to_jsonb(a)::text FROM agents a UNION ALL SELECT to_jsonb(v)::text "
        "FROM agent_versions v UNION ALL SELECT to_jsonb(a)::text FROM accounts a UNION ALL SELECT "
        "to_jsonb(p)::text FROM catalogue_entries p UNION ALL SELECT to_jsonb(c)::text FROM chunks c UNION "
        "ALL SELECT to_jsonb(l)::text FROM audit_log l UNION ALL SELECT to_jsonb(v)::text FROM vault v) "
        "AS all_rows");
}

}  // namespace

TEST_CASE("applying a shop twice changes nothing, keys and drawn secrets included") {
    Fixture fixture;
    const auto state = [&] {
        return fixture.test.query(
            "SELECT md5(string_agg(x, ',' ORDER BY x)) FROM (SELECT to_jsonb(e)::text AS x FROM endpoints e "
            "UNION ALL SELECT k::text FROM credentials k UNION ALL SELECT a::text FROM agents a "
            "UNION ALL SELECT v::text FROM agent_versions v UNION ALL SELECT a::text FROM accounts a "
            "UNION ALL SELECT c::text FROM chunks c) AS all_rows");
    };
    const std::string before = state();
    const auto again = run(apply_shop(fixture.database, fixture.vault, ballet_spec(), fixture.random));
    CHECK(again.tenant == fixture.ballet);
    CHECK(again.done);
    CHECK(again.changes.empty());
    CHECK(state() == before);
}

TEST_CASE("a changed agent gets a version, a product that is gone is not found any more") {
    Fixture fixture;
    ShopSpec changed = ballet_spec();
    changed.agent.temperature = 0.2;
    changed.catalogue->pop_back();
    run(apply_shop(fixture.database, fixture.vault, changed, fixture.random));
    CHECK(fixture.test.query("SELECT version FROM agents WHERE tenant_id = 1") == "2");
    CHECK(fixture.test.query("SELECT count(*) FROM agent_versions WHERE tenant_id = 1") == "2");
    CHECK(run(fixture.retrieve->search(fixture.ballet, "bolso", 5)).empty());
}

TEST_CASE("a file that states nothing changes nothing, and one that states a little changes no more") {
    Fixture fixture;
    const std::string before = rows_of(fixture);
    CHECK(run(apply_shop(fixture.database, fixture.vault, nothing_of("ballet"), fixture.random))
              .changes.empty());
    CHECK(rows_of(fixture) == before);

    ShopSpec little = nothing_of("ballet");
    little.keep_days.emplace(90);
    little.agent.model = "small";
    little.agent_states->insert("model");
    little.catalogue = ballet_spec().catalogue;
    little.catalogue->pop_back();
    little.catalogue->front().price = "1";
    little.catalogue->push_back({"N-1", "Nuevo", "", "", "", "", {}});
    little.credentials = {{"openai", "API_KEY", Secret("key")}};
    const auto applied = run(apply_shop(fixture.database, fixture.vault, little, fixture.random));
    CHECK(texts(applied.changes) == Texts{"keep_days changed", "agent Asistente changed", "catalogue changed",
                                          "credential openai API_KEY new"});
    CHECK(applied.changes[0].before == "for ever");
    CHECK(applied.changes[0].after == "90");
    CHECK(applied.changes[1].fields == Texts{"model"});
    REQUIRE(applied.changes[2].counts);
    const auto& [all, added, changed, gone] = *applied.changes[2].counts;
    CHECK(std::vector{all, added, changed, gone} == std::vector<std::int64_t>{3, 1, 1, 1});
    REQUIRE(applied.agent);
    CHECK(applied.agent->prompt == ballet_spec().agent.prompt);
    CHECK(applied.agent->model == "small");
    const auto listing = run(list_shops(fixture.database, fixture.vault))[0];
    CHECK(listing.whatsapp);
    CHECK(listing.telegram);
    CHECK(fixture.test.query("SELECT synonyms <> '{}', redact FROM tenants WHERE slug = 'ballet'") ==
          R"(t|["card", "iban", "national_id", "email", "phone"])");
    CHECK(run(apply_shop(fixture.database, fixture.vault, little, fixture.random)).changes.empty());
}

TEST_CASE("a dry run tells what would change, of a new shop too, and changes nothing") {
    Fixture fixture;
    const std::string before = rows_of(fixture);
    const auto dry = [&](const ShopSpec& spec) {
        return run(apply_shop(fixture.database, fixture.vault, spec, fixture.random, ApplyMode::dry_run));
    };
    ShopSpec changed = ballet_spec();
    changed.whatsapp->numbers = {{"1002", ""}};
    changed.whatsapp->access_token = Secret("another token");
    const auto told = dry(changed);
    CHECK_FALSE(told.done);
    CHECK(texts(told.changes) == Texts{"account whatsapp 1001 retired", "account whatsapp 1002 new",
                                       "credential whatsapp_cloud ACCESS_TOKEN changed"});
    ShopSpec made = nothing_of("nueva");
    CHECK_THROWS_WITH_AS(dry(made), doctest::Contains("state the name"), Failure);
    made.name = "Nueva";
    made.web = WebSpec{};
    const auto new_one = dry(made);
    CHECK(new_one.tenant == TenantId{});
    CHECK(texts(new_one.changes) == Texts{"shop new", "agent Asistente new", "account web nueva new"});
    ShopSpec guest = nothing_of("huesped");
    guest.name = "Huésped";
    guest.whatsapp = WhatsappSpec{{{"3003", ""}}, "nueva", {}, {}, {}};
    CHECK_THROWS_WITH_AS(dry(guest), doctest::Contains("apply that one first: a dry run makes none"),
                         Failure);
    CHECK(rows_of(fixture) == before);
    CHECK(fixture.test.query("SELECT count(*) FROM tenants") == "2");
}

TEST_CASE("an account is retired only where that is allowed, and one that no file stated never is") {
    Fixture fixture;
    ShopSpec changed = ballet_spec();
    changed.whatsapp->numbers = {{"1002", ""}};
    const std::string before = rows_of(fixture);
    const auto apply = [&](ApplyMode mode) {
        return run(apply_shop(fixture.database, fixture.vault, changed, fixture.random, mode));
    };
    const auto refused = apply(ApplyMode::careful);
    CHECK_FALSE(refused.done);
    CHECK(texts(refused.changes) == Texts{"account whatsapp 1001 retired", "account whatsapp 1002 new"});
    CHECK(rows_of(fixture) == before);
    // as what the API or Meta's sign-in made
    fixture.test.query("UPDATE accounts SET in_file = false WHERE external_id = '1001'");
    const auto kept = apply(ApplyMode::careful);
    CHECK(kept.done);
    CHECK(texts(kept.changes) == Texts{"account whatsapp 1002 new"});
    CHECK_FALSE(fixture.account().retired);
    run(apply_shop(fixture.database, fixture.vault, ballet_spec(), fixture.random));  // 1002 goes
    CHECK(run(list_shops(fixture.database, fixture.vault))[0].whatsapp->accounts == Texts{"1001"});
    CHECK(apply(ApplyMode::all).done);  // a file has 1001 now
    CHECK(run(list_shops(fixture.database, fixture.vault))[0].whatsapp->accounts == Texts{"1002"});
}

TEST_CASE("a shop has one bot: the one that its file states takes the place of any other") {
    Fixture fixture;
    fixture.test.query("UPDATE accounts SET in_file = false WHERE channel = 'telegram'");
    ShopSpec spec = nothing_of("ballet");
    spec.telegram = TelegramSpec{"888", {}, Secret("888:token")};
    const auto apply = [&](ApplyMode mode) {
        return run(apply_shop(fixture.database, fixture.vault, spec, fixture.random, mode));
    };
    const auto refused = apply(ApplyMode::careful);
    CHECK_FALSE(refused.done);
    CHECK(texts(refused.changes) == Texts{"account telegram 777 retired", "account telegram 888 new",
                                          "credential telegram BOT_TOKEN changed"});
    CHECK_FALSE(fixture.account("telegram", "777").retired);
    CHECK(apply(ApplyMode::all).done);
    CHECK(fixture.account("telegram", "777").retired);
    CHECK_FALSE(fixture.account("telegram", "888").retired);
}

TEST_CASE("an apply that waited for another one tells nothing of what that one changed") {
    Fixture fixture;
    pqxx::connection connection(fixture.test.app_url());
    pqxx::work first(connection);
    first.exec("SELECT set_config('app.tenant_id', '1', true)");
    first.exec(R"(SELECT op_change_tenant('{"keep_days": 90}'))");
    ShopSpec spec = nothing_of("ballet");
    spec.keep_days.emplace(90);
    auto second = std::async(std::launch::async, [&] {
        return run(apply_shop(fixture.database, fixture.vault, spec, fixture.random));
    });
    // until it waits for the shop's row
    const auto waits = [&] {
        return fixture.test.query(
                   "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() "
                   "AND wait_event_type = 'Lock')") == "t";
    };
    while (!waits() && second.wait_for(std::chrono::seconds{0}) != std::future_status::ready) {
    }
    first.commit();
    CHECK(second.get().changes.empty());
    CHECK(fixture.test.query("SELECT keep_days FROM tenants WHERE id = 1") == "90");
}

TEST_CASE("another default agent answers on the accounts that its file does not state") {
    Fixture fixture;
    ShopSpec spec = nothing_of("ballet");
    spec.agent.name = "Ana";
    spec.agent_states->insert("name");
    const auto applied = run(apply_shop(fixture.database, fixture.vault, spec, fixture.random));
    CHECK(texts(applied.changes) == Texts{"agent Ana new", "default agent changed"});
    CHECK(fixture.test.query("SELECT DISTINCT g.name FROM accounts AS a JOIN agents AS g "
                             "ON g.id = a.agent_id WHERE a.tenant_id = 1") == "Ana");
    spec.agent.name = "Asistente";
    const auto back = run(apply_shop(fixture.database, fixture.vault, spec, fixture.random));
    CHECK(texts(back.changes) == Texts{"default agent changed"});
    CHECK(back.changes[0].before == "Ana");
    CHECK(back.changes[0].after == "Asistente");
}

TEST_CASE("a number that another shop has is refused") {
    Fixture fixture;
    ShopSpec thief = other_spec();
    thief.whatsapp->numbers[0].phone_number_id = "1001";
    CHECK_THROWS_AS(run(apply_shop(fixture.database, fixture.vault, thief, fixture.random)), Failure);
    CHECK(fixture.account().tenant == fixture.ballet);
}

TEST_CASE("the listing has what a provider must be told, and the addresses are found by their keys") {
    Fixture fixture;
    const auto listings = run(list_shops(fixture.database, fixture.vault));
    REQUIRE(listings.size() == 2);
    const ShopListing& ballet = listings[0];
    CHECK(ballet.slug == "ballet");
    REQUIRE(ballet.whatsapp);
    CHECK(ballet.whatsapp->accounts == std::vector<std::string>{"1001"});
    CHECK(ballet.whatsapp->secret.empty());  // its app's comes from Meta, and is shown nowhere
    CHECK(ballet.whatsapp->verify_token.reveal().size() == 32);
    REQUIRE(ballet.telegram);
    CHECK(ballet.telegram->secret.reveal().size() == 32);
    const auto endpoint = run(fixture.endpoints->find("whatsapp", ballet.whatsapp->key));
    REQUIRE(endpoint);
    CHECK(endpoint->tenant == fixture.ballet);
    CHECK(endpoint->account == "1001");
    CHECK_FALSE(run(fixture.endpoints->find("telegram", ballet.whatsapp->key)));
    CHECK_FALSE(run(fixture.endpoints->find("whatsapp", "")));
    CHECK(run(fixture.endpoints->keys()).size() == 5);
}

TEST_CASE("the numbers of one app share an address, which speaks for them only") {
    Fixture fixture;
    ShopSpec ballet = ballet_spec();
    ballet.whatsapp->numbers.push_back({"1002", "+54 9 11 1234-0000"});
    run(apply_shop(fixture.database, fixture.vault, ballet, fixture.random));
    const auto listings = run(list_shops(fixture.database, fixture.vault));
    CHECK(listings[0].whatsapp->accounts == std::vector<std::string>{"1001", "1002"});
    const std::string key = listings[0].whatsapp->key;
    CHECK(receive(fixture, key, "1001") == "1|1001");
    CHECK(receive(fixture, key, "1002") == "1|1002");
    CHECK(receive(fixture, key, "1003") == "resolve.unknown_account");
    CHECK(receive(fixture, key, "2002") == "resolve.foreign_account");
    CHECK(receive(fixture, key, "") == "resolve.unknown_account");
}

TEST_CASE("a shop may stand under the app of another one, each with its own conversations and access token") {
    Fixture fixture;
    ShopSpec guest = other_spec();
    guest.whatsapp->app_of = "ballet";
    guest.whatsapp->access_token = Secret("their token");
    run(apply_shop(fixture.database, fixture.vault, guest, fixture.random));
    run(apply_shop(fixture.database, fixture.vault, ballet_spec(), fixture.random));
    const auto listings = run(list_shops(fixture.database, fixture.vault));
    const std::string key = listings[0].whatsapp->key;
    CHECK(listings[1].whatsapp->key == key);
    CHECK(listings[1].whatsapp->app_of == "ballet");
    CHECK(listings[1].whatsapp->secret.empty());
    CHECK(listings[1].whatsapp->verify_token.empty());
    CHECK(listings[0].whatsapp->app_of.empty());
    CHECK(run(fixture.vault.find(fixture.ballet, "whatsapp_cloud", "APP_SECRET")).reveal() == "app secret");
    CHECK(listings[0].whatsapp->accounts == std::vector<std::string>{"1001"});
    CHECK(listings[1].whatsapp->accounts == std::vector<std::string>{"2002"});
    CHECK(receive(fixture, key, "1001") == "1|1001");
    CHECK(receive(fixture, key, "2002") == "2|2002");
    CHECK(receive(fixture, key, "2003") == "resolve.unknown_account");
    // it could be either's: neither shop reads what may be the other's
    CHECK(receive(fixture, key, "") == "resolve.unknown_account");
    PostgresVault& vault = fixture.vault;
    CHECK(run(vault.find(fixture.other, "whatsapp_cloud", "ACCESS_TOKEN")).reveal() == "their token");
    CHECK(run(vault.find(fixture.ballet, "whatsapp_cloud", "ACCESS_TOKEN")).reveal() == "access token");
}

TEST_CASE("a shop that leaves another's app has an address of its own again") {
    Fixture fixture;
    const std::string before = run(list_shops(fixture.database, fixture.vault))[1].whatsapp->key;
    ShopSpec guest = other_spec();
    guest.whatsapp->app_of = "ballet";
    run(apply_shop(fixture.database, fixture.vault, guest, fixture.random));
    CHECK(run(list_shops(fixture.database, fixture.vault))[1].whatsapp->key != before);
    run(apply_shop(fixture.database, fixture.vault, own_app_spec(), fixture.random));
    CHECK(run(list_shops(fixture.database, fixture.vault))[1].whatsapp->key == before);
    CHECK(receive(fixture, before, "2002") == "2|2002");
}

TEST_CASE("a number stays under another's app until its file says otherwise, and moves only where allowed") {
    Fixture fixture;
    const auto apply = [&](const ShopSpec& spec, ApplyMode mode) {
        return run(apply_shop(fixture.database, fixture.vault, spec, fixture.random, mode));
    };
    const auto key = [&] { return run(list_shops(fixture.database, fixture.vault))[1].whatsapp->key; };
    const std::string own = key();
    ShopSpec guest = other_spec();
    guest.whatsapp->app_of = "ballet";
    const auto refused = apply(guest, ApplyMode::careful);
    CHECK_FALSE(refused.done);
    CHECK(texts(refused.changes) == Texts{"account whatsapp 2002 moved"});
    CHECK(key() == own);
    CHECK(apply(guest, ApplyMode::all).done);
    const std::string shared = key();
    CHECK(shared != own);

    ShopSpec little = nothing_of("ferreteria");
    little.whatsapp = other_spec().whatsapp;
    little.whatsapp->access_token = Secret("their token");
    const auto kept = apply(little, ApplyMode::careful);
    CHECK(kept.done);
    CHECK(texts(kept.changes) == Texts{"credential whatsapp_cloud ACCESS_TOKEN new"});
    CHECK(key() == shared);

    const auto left = apply(own_app_spec(), ApplyMode::careful);
    CHECK_FALSE(left.done);
    CHECK(texts(left.changes) ==
          Texts{"account whatsapp 2002 moved", "credential whatsapp_cloud APP_SECRET new"});
    CHECK(key() == shared);
    little.whatsapp->verify_token = Secret("a token of theirs");
    CHECK(apply(little, ApplyMode::all).done);
    CHECK(key() == own);
}

TEST_CASE("what was sent to a number's old address stays its own, whichever way it moves") {
    Fixture fixture;
    const std::string own = run(list_shops(fixture.database, fixture.vault))[1].whatsapp->key;
    ShopSpec guest = other_spec();
    guest.whatsapp->app_of = "ballet";
    run(apply_shop(fixture.database, fixture.vault, guest, fixture.random));
    const std::string shared = run(list_shops(fixture.database, fixture.vault))[1].whatsapp->key;
    REQUIRE(shared != own);
    fixture.test.query("UPDATE former_endpoints SET until = now()");
    CHECK(receive(fixture, own, "2002") == "2|2002");  // for ever: it is its shop's
    fixture.test.query("DELETE FROM messages");
    run(apply_shop(fixture.database, fixture.vault, own_app_spec(), fixture.random));
    CHECK(receive(fixture, shared, "2002") == "2|2002");
    fixture.test.query("DELETE FROM messages");
    CHECK(receive(fixture, own, "2002") == "2|2002");
    // the topics keep nothing older
    fixture.test.query("UPDATE former_endpoints SET until = now()");
    CHECK(receive(fixture, shared, "2002") == "resolve.foreign_account");
}

TEST_CASE("a number never speaks through an address of another shop that it did not stand under") {
    Fixture fixture;
    ShopSpec guest = other_spec();
    guest.whatsapp->app_of = "ballet";
    run(apply_shop(fixture.database, fixture.vault, guest, fixture.random));
    run(apply_shop(fixture.database, fixture.vault, own_app_spec(), fixture.random));
    const std::string own = run(list_shops(fixture.database, fixture.vault))[1].whatsapp->key;
    CHECK(receive(fixture, own, "1001") == "resolve.foreign_account");
}

TEST_CASE("a shop that is refused changes nothing in the shop whose app it names") {
    Fixture fixture;
    const std::string key = run(list_shops(fixture.database, fixture.vault))[0].whatsapp->key;
    CHECK(receive(fixture, key, "") == "1|1001");
    fixture.test.query("DELETE FROM messages");
    ShopSpec thief = other_spec();
    thief.whatsapp->app_of = "ballet";
    thief.whatsapp->numbers.push_back({"1001", "somebody's"});
    CHECK_THROWS_AS(run(apply_shop(fixture.database, fixture.vault, thief, fixture.random)), Failure);
    CHECK(receive(fixture, key, "") == "1|1001");
}

TEST_CASE("what names no account is kept by the address's shop, unless it may be about another one") {
    Fixture fixture;
    ShopSpec ballet = ballet_spec();
    ballet.whatsapp->numbers.push_back({"1002", ""});
    run(apply_shop(fixture.database, fixture.vault, ballet, fixture.random));
    const std::string key = run(list_shops(fixture.database, fixture.vault))[0].whatsapp->key;
    const auto kept = [&](const std::string& event) {
        return receive(fixture, key, "", InboundKind::archived, event) +
               fixture.test.query("SELECT tenant_id FROM archive WHERE event_id = '" + event + "'");
    };
    CHECK(kept("template.1") == "1");
    ShopSpec guest = other_spec();
    guest.whatsapp->app_of = "ballet";
    run(apply_shop(fixture.database, fixture.vault, guest, fixture.random));
    CHECK(kept("template.2").empty());
    // what is about the guest may still be on its way
    run(apply_shop(fixture.database, fixture.vault, own_app_spec(), fixture.random));
    CHECK(kept("template.3").empty());
    fixture.test.query("UPDATE former_endpoints SET until = now()");
    CHECK(kept("template.4") == "1");
}

TEST_CASE("a number that its shop's file has no more is retired until a file has it again") {
    Fixture fixture;
    ShopSpec ballet = ballet_spec();
    ballet.whatsapp->numbers.push_back({"1002", ""});
    run(apply_shop(fixture.database, fixture.vault, ballet, fixture.random));
    const std::string key = run(list_shops(fixture.database, fixture.vault))[0].whatsapp->key;
    ballet.whatsapp->numbers.erase(ballet.whatsapp->numbers.begin());
    ballet.telegram.reset();
    const auto applied = run(apply_shop(fixture.database, fixture.vault, ballet, fixture.random));
    CHECK(texts(applied.changes) == Texts{"account whatsapp 1001 retired"});
    const auto listing = run(list_shops(fixture.database, fixture.vault))[0];
    CHECK(listing.whatsapp->accounts == std::vector<std::string>{"1002"});
    CHECK(listing.telegram);  // of which the file says nothing
    CHECK(receive(fixture, key, "1001", InboundKind::message, "wamid.late") == "1|1001");
    CHECK(
        fixture.test.query("SELECT t.status, t.reason FROM messages AS m JOIN turns AS t ON t.id = m.turn_id "
                           "WHERE m.event_id = 'wamid.late'") == "dropped|account retired");
    CHECK(receive(fixture, key, "1002") == "1|1002");
    CHECK(receive(fixture, key, "") == "1|1002");  // the only one that it can mean
    CHECK(fixture.account().retired);
    run(apply_shop(fixture.database, fixture.vault, ballet_spec(), fixture.random));
    CHECK_FALSE(fixture.account().retired);
    CHECK(receive(fixture, key, "1001") == "1|1001");
}

TEST_CASE("the listing tells the address that a number has now, not the one that an earlier number had") {
    Fixture fixture;
    ShopSpec guest = other_spec();
    guest.whatsapp->app_of = "ballet";
    guest.whatsapp->numbers = {{"2003", ""}, {"2004", ""}};
    run(apply_shop(fixture.database, fixture.vault, guest, fixture.random));
    const auto listings = run(list_shops(fixture.database, fixture.vault));
    CHECK(listings[1].whatsapp->key == listings[0].whatsapp->key);
    CHECK(listings[1].whatsapp->accounts == std::vector<std::string>{"2003", "2004"});
    // its own address is nobody's now: the demo page does not offer it
    const Json shops = Json::parse(run(fixture.demo->shops()));
    CHECK(shops.items()[1]["webhooks"]["whatsapp"].null());
    CHECK_FALSE(shops.items()[0]["webhooks"]["whatsapp"].null());
}

TEST_CASE("a shop that wants what another has is refused, and nothing of it is made") {
    Fixture fixture;
    for (const bool on_whatsapp : {true, false}) {
        ShopSpec thief = other_spec();
        thief.slug = "thief";
        thief.whatsapp.reset();
        if (on_whatsapp) thief.whatsapp = WhatsappSpec{{{"1001", ""}}, {}, {}, {}, {}};
        if (!on_whatsapp) thief.telegram = TelegramSpec{"777", {}, {}};
        try {
            run(apply_shop(fixture.database, fixture.vault, thief, fixture.random));
            FAIL("it was made");
        } catch (const Failure& failure) {
            CHECK(failure.error().code == "shop.invalid");
            CHECK(failure.error().text.find("is another shop's") != std::string::npos);
        }
    }
    ShopSpec guest = other_spec();
    guest.slug = "guest";
    guest.whatsapp->app_of = "nobody";
    guest.whatsapp->numbers = {{"3003", ""}};
    CHECK_THROWS_AS(run(apply_shop(fixture.database, fixture.vault, guest, fixture.random)), Failure);
    CHECK(fixture.test.query("SELECT count(*) FROM tenants") == "2");
}

TEST_CASE("an app of a shop that has none is refused") {
    Fixture fixture;
    ShopSpec guest = other_spec();
    guest.whatsapp->app_of = "nobody";
    CHECK_THROWS_AS(run(apply_shop(fixture.database, fixture.vault, guest, fixture.random)), Failure);
    ShopSpec ballet = ballet_spec();
    guest.whatsapp->app_of = "ballet";
    run(apply_shop(fixture.database, fixture.vault, guest, fixture.random));
    ballet.whatsapp->app_of = "ferreteria";  // whose number left its own address
    CHECK_THROWS_AS(run(apply_shop(fixture.database, fixture.vault, ballet, fixture.random)), Failure);
}

TEST_CASE("the demo page's documents tell a conversation's whole way") {
    Fixture fixture;
    const auto stored = fixture.store("1", "hola", at(0));
    const TurnId turn = fixture.claim(stored, at(16));
    const auto replies = fixture.answer(turn, {"uno", "dos"}, at(17));
    fixture.accept(fixture.ask(replies[0], at(18)), "p1", at(19));
    const Json shops = Json::parse(run(fixture.demo->shops()));
    REQUIRE(shops.items().size() == 2);
    CHECK(shops.items()[0].text("slug") == "ballet");
    CHECK(shops.items()[0]["web"].text("key").size() == 32);
    CHECK(shops.items()[0]["webhooks"]["whatsapp"].text("path").substr(0, 19) == "/webhooks/whatsapp/");
    const Json conversations = Json::parse(run(fixture.demo->conversations()));
    REQUIRE(conversations.items().size() == 1);
    CHECK(conversations.items()[0].text("last_text") == "uno");
    CHECK(conversations.items()[0].text("last_at") == to_iso8601(at(19)));
    CHECK(conversations.items()[0].text("contact") == "Ana");
    const auto document = run(fixture.demo->conversation(fixture.ballet, stored.conversation));
    REQUIRE(document);
    const Json json = Json::parse(*document);
    CHECK(json["messages"].items().size() == 2);
    CHECK(json["messages"].items()[1].text("author") == "agent");
    REQUIRE(json["turns"].items().size() == 1);
    const Json shown = json["turns"].items()[0];
    CHECK(shown.text("status") == "answered");
    CHECK(shown["passages"].items()[0].text("title") == "Puntas");
    CHECK(shown["replies"].items()[0]["deliveries"].items()[0].text("provider_id") == "p1");
    CHECK(shown["replies"].items()[1].text("status") == "pending");
    CHECK_FALSE(run(fixture.demo->conversation(fixture.other, stored.conversation)));
}

TEST_CASE("the demo page shows no shop that takes nothing, nor its conversations, nor a web chat given up") {
    Fixture fixture;
    fixture.store("1", "hola", at(0));
    const auto slugs = [&] {
        std::vector<std::string> all;
        for (const auto& shop : Json::parse(run(fixture.demo->shops())).items()) {
            all.push_back(shop.text("slug"));
        }
        return all;
    };
    run(retire_shop(fixture.database, "ballet"));  // its secrets are left
    CHECK(slugs() == std::vector<std::string>{"ferreteria"});
    CHECK(Json::parse(run(fixture.demo->conversations())).items().empty());
    run(apply_shop(fixture.database, fixture.vault, ballet_spec(), fixture.random));
    CHECK(slugs() == std::vector<std::string>{"ballet", "ferreteria"});
    CHECK(Json::parse(run(fixture.demo->conversations())).items().size() == 1);
    fixture.test.query("UPDATE accounts SET retired_at = now() WHERE tenant_id = 1 AND channel = 'web'");
    const Json shops = Json::parse(run(fixture.demo->shops()));
    CHECK(shops.items()[0]["web"].null());
    CHECK_FALSE(shops.items()[0]["webhooks"]["whatsapp"].null());
}

TEST_CASE("a removed shop takes nothing any more, and its secrets go when what it took is through") {
    Fixture fixture;
    const auto credentials = [&](const char* tenant) {
        return fixture.test.query(std::string("SELECT count(*) FROM credentials WHERE tenant_id = ") +
                                  tenant);
    };
    const std::string others = credentials("2");
    const auto listing = run(list_shops(fixture.database, fixture.vault))[0];
    const std::string key = listing.whatsapp->key;
    const std::string page = listing.web->key;
    CHECK(run(fixture.endpoints->find("web", page)));
    const auto stored = fixture.store("1", "hola", at(0));
    const ShopStanding before = run(shop_standing(fixture.database, "ballet"));
    CHECK(before.accounts == 3);
    CHECK(before.conversations == 1);
    CHECK(before.replies == 0);
    CHECK(std::to_string(before.credentials) == credentials("1"));
    CHECK_FALSE(before.guests);

    CHECK(run(retire_shop(fixture.database, "ballet")).conversations == 1);
    CHECK(fixture.account().retired);
    CHECK_FALSE(run(fixture.endpoints->find("web", page)));
    CHECK(receive(fixture, key, "1001") == "1|1001");  // for the books; nobody answers it
    CHECK(run(shop_standing(fixture.database, "ballet")).conversations == 1);
    CHECK(std::to_string(before.credentials) == credentials("1"));  // what it took is answered with them
    CHECK_FALSE(run(list_shops(fixture.database, fixture.vault))[0].retired);
    CHECK(run(list_shops(fixture.database, fixture.vault))[0].leaving);
    CHECK_FALSE(run(list_shops(fixture.database, fixture.vault))[1].leaving);

    const auto replies = fixture.answer(fixture.claim(stored, at(16)), {"uno"}, at(17));
    CHECK(run(retire_shop(fixture.database, "ballet")).replies == 1);
    CHECK(credentials("1") != "0");
    fixture.accept(fixture.ask(replies[0], at(18)), "p1", at(19));
    CHECK_FALSE(run(retire_shop(fixture.database, "ballet")).retired);
    CHECK(credentials("1") != "0");  // a message that found its account may still be stored
    fixture.test.query("UPDATE accounts SET retired_at = retired_at - interval '2 minutes'");
    CHECK(run(retire_shop(fixture.database, "ballet")).retired);
    CHECK(credentials("1") == "0");
    CHECK(credentials("2") == others);
    CHECK(run(shop_standing(fixture.database, "ballet")).retired);
    const auto listings = run(list_shops(fixture.database, fixture.vault));
    CHECK(listings[0].retired);
    CHECK_FALSE(listings[0].leaving);
    CHECK_FALSE(listings[0].whatsapp);
    CHECK_FALSE(listings[1].retired);
    CHECK(fixture.test.query("SELECT count(*) FROM messages WHERE tenant_id = 1") == "3");

    const auto back = run(apply_shop(fixture.database, fixture.vault, ballet_spec(), fixture.random));
    CHECK(back.tenant == fixture.ballet);
    CHECK(texts(back.changes)[0] == "shop back");
    const auto again = run(list_shops(fixture.database, fixture.vault));
    CHECK_FALSE(again[0].retired);
    CHECK(again[0].whatsapp->key == key);
    CHECK(run(fixture.endpoints->find("web", page)));
    CHECK(run(fixture.vault.find(fixture.ballet, "whatsapp_cloud", "APP_SECRET")).reveal() == "app secret");
    CHECK_FALSE(fixture.account().retired);
}

TEST_CASE("a removed shop is back only where its file states an account") {
    Fixture fixture;
    ShopSpec little = nothing_of("ballet");
    const auto keep = [&](int days) {
        little.keep_days.emplace(days);
        return texts(run(apply_shop(fixture.database, fixture.vault, little, fixture.random)).changes);
    };
    const auto listing = [&] { return run(list_shops(fixture.database, fixture.vault))[0]; };
    run(retire_shop(fixture.database, "ballet"));
    CHECK(keep(90) == Texts{"keep_days changed"});
    CHECK(listing().leaving);
    fixture.test.query("UPDATE accounts SET retired_at = retired_at - interval '2 minutes'");
    REQUIRE(run(retire_shop(fixture.database, "ballet")).retired);
    CHECK(keep(91) == Texts{"keep_days changed"});
    CHECK(listing().retired);
    little.telegram = ballet_spec().telegram;
    CHECK(keep(91)[0] == "shop back");
    CHECK_FALSE(listing().retired);
    CHECK(listing().telegram);
    CHECK_FALSE(listing().whatsapp);
}

TEST_CASE("a shop whose app serves another one's number is not removed before that one") {
    Fixture fixture;
    ShopSpec guest = other_spec();
    guest.whatsapp->app_of = "ballet";
    run(apply_shop(fixture.database, fixture.vault, guest, fixture.random));
    CHECK(run(retire_shop(fixture.database, "ballet")).guests);
    CHECK_FALSE(fixture.account().retired);
    CHECK_FALSE(run(retire_shop(fixture.database, "ferreteria")).guests);
    CHECK_FALSE(run(retire_shop(fixture.database, "ballet")).guests);
    CHECK(fixture.account().retired);
}

TEST_CASE("a slug that no shop has is refused") {
    Fixture fixture;
    CHECK_THROWS_WITH_AS(run(retire_shop(fixture.database, "nobody")), doctest::Contains("shop.unknown"),
                         Failure);
}
