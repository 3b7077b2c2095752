// Requests of the API on the real rows: what comes again, what was based on something older, and the stores
// that only the API has.

#include "postgres/request_stores.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "core/digest.hpp"
#include "postgres/shops.hpp"
#include "tests/postgres/people.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct RequestFixture : PeopleFixture {
    using PeopleFixture::PeopleFixture;

    std::unique_ptr<RequestBook> book = make_request_book(database, masters, "the installation");

    Once once(const std::string& key, const std::string& request = "add eva", SysTime now = at(0)) const {
        return {ballet, "user:ana", sha256_hex(key), sha256_hex(request), now};
    }
    PeopleStore::Outcome add_eva(RequestStores& stores, TenantId tenant, int n = 1) {
        return run(
            stores.people().add_user(tenant, {nth<UserId>(n), "eva@example.com", "Eva", {"viewer"}}, olga));
    }
    int users() { return std::stoi(test.query("SELECT count(*) FROM users")); }
    std::vector<CredentialLine> credentials(TenantId tenant) {
        return run(book->begin(std::nullopt)->credentials().list(tenant));
    }
};

std::string code_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const Failure& failure) {
        return failure.error().code;
    }
    return {};
}

using Told = PeopleStore::Outcome;
using Changed = TenantStore::Changed;

}  // namespace

TEST_CASE("a request that comes again finds what came of it") {
    RequestFixture fixture;
    const auto first = fixture.book->begin(fixture.once("k"));
    CHECK(fixture.add_eva(*first, fixture.ballet) == Told::done);
    CHECK_FALSE(first->repeated());
    const auto again = fixture.book->begin(fixture.once("k"));
    // the id that it would make now counts for nothing: the row is there
    CHECK(fixture.add_eva(*again, fixture.ballet, 2) == Told::done);
    CHECK(again->repeated());
    CHECK(fixture.users() == 1);
}

TEST_CASE("a request that was refused is tried again by its repetition, and no other by its key") {
    RequestFixture fixture;
    fixture.add_eva(*fixture.book->begin(std::nullopt), fixture.ballet);
    const auto taken = fixture.book->begin(fixture.once("k"));
    CHECK(fixture.add_eva(*taken, fixture.ballet, 3) == Told::taken);
    // read after it, as where it says what is in the way
    CHECK(run(taken->people().users(fixture.ballet, std::nullopt, 10)).at(0).id == nth<UserId>(1));
    const auto another = fixture.book->begin(fixture.once("k", "add somebody else"));
    CHECK(code_of([&] { fixture.add_eva(*another, fixture.ballet, 4); }) == "request.another");
    fixture.test.query("DELETE FROM users RETURNING 1");
    const auto mended = fixture.book->begin(fixture.once("k"));
    CHECK(fixture.add_eva(*mended, fixture.ballet, 3) == Told::done);
    CHECK_FALSE(mended->repeated());
    CHECK(run(mended->people().users(fixture.ballet, std::nullopt, 10)).at(0).id == nth<UserId>(3));
    const auto again = fixture.book->begin(fixture.once("k"));
    CHECK(fixture.add_eva(*again, fixture.ballet, 5) == Told::done);
    CHECK(again->repeated());
    CHECK(fixture.users() == 1);
    // of the other kinds of refusals there are
    const auto nothing = [&](const std::string& result) {
        return fixture.test.query("SELECT came_to_nothing('" + result + "')");
    };
    for (const auto* result : {"null", "\"no_company\"", "{\"taken\": true}", "{\"refused\": \"no_agent\"}",
                               "{\"taken_by\": \"Ana\"}"})
        CHECK(nothing(result) == "t");
    for (const auto* result : {"\"done\"", "7", "[]", "{}", "{\"id\": 7}", "true"})
        CHECK(nothing(result) == "f");
}

TEST_CASE("a request that makes its last change only now is no repetition, though its first one is there") {
    RequestFixture fixture;
    const auto send = [&] {
        const auto stores = fixture.book->begin(fixture.once("k"));
        CHECK(fixture.add_eva(*stores, fixture.ballet) == Told::done);
        const auto changed =
            run(stores->people().change_user(fixture.ballet, nth<UserId>(2), {.name = "Pía"}, fixture.olga));
        CHECK_FALSE(run(stores->people().users(fixture.ballet, std::nullopt, 10)).empty());
        return std::pair(changed, stores->repeated());
    };
    CHECK(send() == std::pair(Told::not_found, false));
    CHECK(send() == std::pair(Told::not_found, false));
    CHECK(fixture.add(fixture.ballet, 2, "pia@example.com") == Told::done);
    CHECK(send() == std::pair(Told::done, false));
    CHECK(send() == std::pair(Told::done, true));
    CHECK(fixture.users() == 2);
}

TEST_CASE("what was read after a change is what a repetition reads") {
    RequestFixture fixture;
    const auto read = [&](RequestStores& stores) {
        return run(stores.people().users(fixture.ballet, std::nullopt, 10)).at(0).name;
    };
    const auto first = fixture.book->begin(fixture.once("k"));
    fixture.add_eva(*first, fixture.ballet);
    CHECK(read(*first) == "Eva");
    fixture.change(fixture.ballet, 1, {.name = "Evita"});
    const auto again = fixture.book->begin(fixture.once("k"));
    fixture.add_eva(*again, fixture.ballet);
    CHECK(read(*again) == "Eva");
    CHECK(read(*fixture.book->begin(std::nullopt)) == "Evita");
}

TEST_CASE("a request that was cut off between its steps goes on where it was") {
    RequestFixture fixture;
    const auto cut = fixture.book->begin(fixture.once("k"));
    fixture.add_eva(*cut, fixture.ballet);
    const auto again = fixture.book->begin(fixture.once("k"));
    fixture.add_eva(*again, fixture.ballet);
    CHECK(run(again->people().users(fixture.ballet, std::nullopt, 10)).size() == 1);
    CHECK(fixture.users() == 1);
    CHECK(fixture.test.query("SELECT count(*), max(step) FROM api_requests") == "2|1");
}

TEST_CASE("of many that send one request at the same moment, one makes it") {
    RequestFixture fixture(4);
    for (int round = 0; round < 10; ++round) {
        const std::string key = "k" + std::to_string(round);
        const std::string email = "u" + std::to_string(round) + "@example.com";
        struct Sent {
            bool done = false;
            bool repeated = false;
        };
        const auto send = [&](int n) -> Task<Sent> {
            const auto stores = fixture.book->begin(fixture.once(key, email));
            const NewUser user{nth<UserId>(1'000 + 100 * round + n), email, "", {"viewer"}};
            try {
                auto added = stores->people().add_user(fixture.ballet, user, fixture.olga);
                const auto outcome = co_await std::move(added);
                co_return Sent{outcome == Told::done, stores->repeated()};
            } catch (const Failure& failure) {
                CHECK(failure.error().code == "request.in_flight");
                co_return Sent{};
            }
        };
        std::vector<Task<Sent>> tasks;
        for (int n = 0; n < 12; ++n) tasks.push_back(send(n));
        const auto sent = run_all(std::move(tasks));
        CHECK(std::ranges::count_if(sent, [](const Sent& it) { return it.done && !it.repeated; }) == 1);
        CHECK(fixture.users() == round + 1);
    }
    CHECK(fixture.test.query("SELECT count(*) FROM audit_log WHERE action = 'user.add'") == "10");
}

TEST_CASE("a key stands for one request of one caller in one shop, for a day") {
    RequestFixture fixture;
    fixture.add_eva(*fixture.book->begin(fixture.once("k")), fixture.ballet);
    const auto another = fixture.book->begin(fixture.once("k", "add somebody else"));
    CHECK(code_of([&] { fixture.add_eva(*another, fixture.ballet, 2); }) == "request.another");
    auto other_shop = fixture.once("k");
    other_shop.tenant = fixture.other;
    const auto there = fixture.book->begin(other_shop);
    CHECK(fixture.add_eva(*there, fixture.other, 3) == Told::done);
    CHECK_FALSE(there->repeated());
    auto other_caller = fixture.once("k", "add somebody else");
    other_caller.caller = "user:bo";
    CHECK(fixture.add_eva(*fixture.book->begin(other_caller), fixture.ballet, 4) == Told::taken);
    const auto next_day = fixture.book->begin(fixture.once("k", "add somebody else", at(24 * 3'600)));
    CHECK(fixture.add_eva(*next_day, fixture.ballet, 5) == Told::taken);
    CHECK_FALSE(next_day->repeated());
}

TEST_CASE("old requests are forgotten, of every shop") {
    RequestFixture fixture;
    fixture.add_eva(*fixture.book->begin(fixture.once("k")), fixture.ballet);
    auto other = fixture.once("k", "add eva", at(10));
    other.tenant = fixture.other;
    fixture.add_eva(*fixture.book->begin(other), fixture.other, 2);
    CHECK(run(fixture.book->forget(at(5))) == 1);
    CHECK(fixture.test.query("SELECT tenant_id FROM api_requests") == fixture.other.to_string());
    CHECK(run(fixture.book->forget(at(11))) == 1);
}

TEST_CASE("a change that is based on something older is refused, and nothing is done") {
    RequestFixture fixture;
    fixture.add(fixture.ballet, 1, "eva@example.com");
    const auto stores = fixture.book->begin(std::nullopt);
    stores->hold();
    run(stores->people().users(fixture.ballet, std::nullopt, 1));
    fixture.change(fixture.ballet, 1, {.name = "Evita"});
    CHECK(
        code_of([&] {
            run(stores->people().change_user(fixture.ballet, nth<UserId>(1), {.name = "Eva"}, fixture.olga));
        }) == "request.changed");
    CHECK(fixture.test.query("SELECT name FROM users") == "Evita");
    const auto again = fixture.book->begin(std::nullopt);
    again->hold();
    run(again->people().users(fixture.ballet, std::nullopt, 1));
    CHECK(run(again->people().change_user(fixture.ballet, nth<UserId>(1), {.name = "Eva"}, fixture.olga)) ==
          Told::done);
    CHECK(fixture.test.query("SELECT name FROM users") == "Eva");
}

TEST_CASE("of two changes based on the same reading, one is made") {
    RequestFixture fixture(4);
    fixture.add(fixture.ballet, 1, "eva@example.com");
    // the name that it was based on, where it was made
    const auto change = [&](std::string name) -> Task<std::optional<std::string>> {
        const auto stores = fixture.book->begin(std::nullopt);
        stores->hold();
        auto read = stores->people().users(fixture.ballet, std::nullopt, 1);
        const auto users = co_await std::move(read);
        UserChange wanted;
        wanted.name = std::move(name);
        try {
            auto changed =
                stores->people().change_user(fixture.ballet, nth<UserId>(1), std::move(wanted), fixture.olga);
            co_await std::move(changed);
            co_return users.at(0).name;
        } catch (const Failure& failure) {
            CHECK(failure.error().code == "request.changed");
            co_return std::nullopt;
        }
    };
    for (int round = 0; round < 20; ++round) {
        std::vector<Task<std::optional<std::string>>> tasks;
        for (int n = 0; n < 4; ++n) tasks.push_back(change(std::to_string(round) + "-" + std::to_string(n)));
        std::set<std::string> based_on;
        int made = 0;
        for (const auto& base : run_all(std::move(tasks))) {
            if (!base) continue;
            based_on.insert(*base);
            ++made;
        }
        CHECK(made >= 1);
        CHECK(std::ssize(based_on) == made);
    }
}

TEST_CASE("shops are made once a slug, changed, and listed in pages") {
    RequestFixture fixture;
    const auto stores = fixture.book->begin(std::nullopt);
    auto& tenants = stores->tenants();
    const auto danza = run(tenants.add({"danza", "Danza", "pt-BR", {"https://danza.example"}}, fixture.olga));
    REQUIRE(danza);
    CHECK_FALSE(run(tenants.add({"danza", "Otra", "es", {}}, fixture.olga)));
    const auto row = run(tenants.find(*danza));
    REQUIRE(row);
    CHECK(row->name == "Danza");
    CHECK(row->language == "pt-BR");
    CHECK(row->cors_origins == std::vector<std::string>{"https://danza.example"});
    TenantChange change;
    change.name = "Danza Sur";
    CHECK(run(tenants.change(*danza, change, fixture.olga)) == Changed::done);
    CHECK(run(tenants.find(*danza))->name == "Danza Sur");
    CHECK(run(tenants.find(*danza))->language == "pt-BR");
    CHECK(run(tenants.change({999}, change, fixture.olga)) == Changed::not_found);
    CHECK_FALSE(run(tenants.find({999})));
    const auto all = run(tenants.list({0}, 10));
    CHECK(all.size() == 3);
    CHECK(run(tenants.list(all[1].id, 10)).size() == 1);
    CHECK(run(tenants.list({0}, 2)).size() == 2);
    CHECK(run(tenants.allows_origin(std::nullopt, "https://danza.example")));
    CHECK(run(tenants.allows_origin(*danza, "https://danza.example")));
    CHECK_FALSE(run(tenants.allows_origin(fixture.ballet, "https://danza.example")));
    CHECK_FALSE(run(tenants.allows_origin(std::nullopt, "https://danza.exampl")));
    const auto noted = fixture.audit(*danza);
    CHECK(noted.front().action == "shop.change");
    CHECK(noted.back().action == "shop.add");
    for (const auto& entry : noted) CHECK(entry.actor.id == "op");
}

TEST_CASE("what a shop states of itself is changed all together, or not at all, and noted once") {
    RequestFixture fixture;
    const auto stores = fixture.book->begin(std::nullopt);
    auto& tenants = stores->tenants();
    const auto before = run(tenants.find(fixture.ballet)).value();
    CHECK(before.time_zone == "UTC");
    CHECK(before.redact == all_personal_kinds());
    CHECK_FALSE(before.keep_days);
    TenantChange change;
    change.name = "Ballet Sur";
    change.fallback_text = "Ahora no puedo.";
    change.redact = PersonalKinds{PersonalKind::phone, PersonalKind::card};
    change.keep_days = 90;
    change.time_zone = "Mars/Olympus";
    CHECK(run(tenants.change(fixture.ballet, change, fixture.olga)) == Changed::unknown_time_zone);
    CHECK(run(tenants.find(fixture.ballet))->name == before.name);
    CHECK(fixture.audit(fixture.ballet).empty());
    change.time_zone = "America/Santiago";
    CHECK(run(tenants.change(fixture.ballet, change, fixture.olga)) == Changed::done);
    CHECK(run(tenants.change(fixture.ballet, change, fixture.olga)) == Changed::done);  // says nothing new
    const auto after = run(tenants.find(fixture.ballet)).value();
    CHECK(after.name == "Ballet Sur");
    CHECK(after.time_zone == "America/Santiago");
    CHECK(after.fallback_text == "Ahora no puedo.");
    CHECK(after.redact == *change.redact);
    CHECK(after.keep_days == 90);
    CHECK(after.language == before.language);
    const auto noted = fixture.audit(fixture.ballet);
    REQUIRE(noted.size() == 1);
    CHECK(noted[0].action == "shop.change");
    CHECK(noted[0].actor.id == "op");
    CHECK(noted[0].before.find(R"("time_zone":"UTC")") != std::string::npos);
    CHECK(noted[0].after.find(R"("keep_days":90)") != std::string::npos);
    TenantChange for_ever;
    for_ever.keep_days.emplace();
    CHECK(run(tenants.change(fixture.ballet, for_ever, fixture.olga)) == Changed::done);
    CHECK_FALSE(run(tenants.find(fixture.ballet))->keep_days);
    CHECK(run(tenants.find(fixture.ballet))->redact == *change.redact);
    CHECK(run(tenants.find(fixture.other))->time_zone == "UTC");
}

TEST_CASE("a shop's file states what the API changes, and a file that is applied again undoes it") {
    RequestFixture fixture;
    const auto apply = [&](std::optional<int> keep_days, const std::string& zone) {
        ShopSpec spec = ballet_spec();
        spec.redact = PersonalKinds{PersonalKind::iban};
        spec.keep_days = keep_days;
        spec.time_zone = zone;
        run(apply_shop(fixture.database, fixture.vault, spec, fixture.random));
        return run(fixture.book->begin(std::nullopt)->tenants().find(fixture.ballet)).value();
    };
    const auto stated = apply(60, "America/Bogota");
    CHECK(stated.redact == PersonalKinds{PersonalKind::iban});
    CHECK(stated.keep_days == 60);
    CHECK(stated.time_zone == "America/Bogota");
    TenantChange change;
    change.redact = PersonalKinds{};
    change.time_zone = "UTC";
    run(fixture.book->begin(std::nullopt)->tenants().change(fixture.ballet, change, fixture.olga));
    const auto again = apply(std::nullopt, "");
    CHECK(again.redact == PersonalKinds{PersonalKind::iban});
    CHECK_FALSE(again.keep_days);
    CHECK(again.time_zone == "UTC");  // of which the file says nothing
}

TEST_CASE("a shop that is made by a request that comes again is one shop") {
    RequestFixture fixture;
    auto once = fixture.once("k");
    once.tenant = std::nullopt;
    const auto make = [&] {
        const auto stores = fixture.book->begin(once);
        const auto id = run(stores->tenants().add({"danza", "Danza", "es", {}}, fixture.olga));
        REQUIRE(id);
        return run(stores->tenants().find(*id)).value().id;
    };
    const auto first = make();
    CHECK(make() == first);
    CHECK(fixture.test.query("SELECT count(*) FROM tenants WHERE slug = 'danza'") == "1");
}

TEST_CASE("sessions are listed newest first, and ended one by one") {
    RequestFixture fixture;
    fixture.add_with_password(fixture.ballet, 1, "eva@example.com", "h1");
    fixture.add_active(fixture.other, 2, "bo@example.com");
    for (int n = 1; n <= 5; ++n) {
        // two at one moment
        const NewSession session{
            nth<SessionId>(n), hash_of("s" + std::to_string(n)), "abcd", at(n / 2), at(900), "h1"};
        REQUIRE(run(fixture.sign_in->begin_session(fixture.ballet, nth<UserId>(1), session)));
    }
    const auto stores = fixture.book->begin(std::nullopt);
    auto& sessions = stores->sessions();
    std::vector<int> seen;
    std::optional<SessionPlace> after;
    for (;;) {
        const auto page = run(sessions.list(fixture.ballet, std::nullopt, after, 2));
        if (page.empty()) break;
        for (const auto& row : page) seen.push_back(row.id.bytes.back());
        after = SessionPlace{page.back().created_at, page.back().id};
    }
    CHECK(seen == std::vector<int>{5, 4, 3, 2, 1});
    CHECK(run(sessions.list(fixture.ballet, nth<UserId>(2), std::nullopt, 9)).empty());
    CHECK(run(sessions.list(fixture.other, std::nullopt, std::nullopt, 9)).empty());
    CHECK(run(sessions.end(fixture.other, nth<SessionId>(1), at(10), fixture.olga)) == Told::not_found);
    Actor weak = fixture.olga;
    weak.may = {};
    CHECK(run(sessions.end(fixture.ballet, nth<SessionId>(1), at(10), weak)) == Told::beyond_actor);
    CHECK(run(sessions.end(fixture.ballet, nth<SessionId>(1), at(10), fixture.olga)) == Told::done);
    CHECK(run(sessions.end(fixture.ballet, nth<SessionId>(1), at(11), fixture.olga)) == Told::done);
    CHECK_FALSE(run(fixture.sign_in->find_session(hash_of("s1"), at(12), Millis{900'000})));
    const auto noted = fixture.audit(fixture.ballet);
    CHECK(std::ranges::count(noted, "user.end_session", &AuditRow::action) == 1);
}

TEST_CASE("a credential that the API states is noted with who stated it, and without its value") {
    RequestFixture fixture;
    const auto stores = fixture.book->begin(std::nullopt);
    run(stores->credentials().put(fixture.other, "openai", "API_KEY",
                                  Secret(std::string("sk-canary-12345678")), fixture.olga));
    const auto lines = fixture.credentials(fixture.other);
    const auto line = std::ranges::find(lines, "API_KEY", &CredentialLine::name);
    REQUIRE(line != lines.end());
    CHECK(line->ends_with == "5678");
    CHECK(line->opens);
    CHECK(line->fingerprint.size() == 16);
    CHECK(run(stores->credentials().remove(fixture.other, "openai", "API_KEY", fixture.olga)));
    CHECK_FALSE(run(stores->credentials().remove(fixture.other, "openai", "API_KEY", fixture.olga)));
    const auto noted = fixture.audit(fixture.other);
    CHECK(noted.front().action == "credential.remove");
    CHECK(noted.front().actor.id == "op");
    for (const auto& entry : noted) CHECK((entry.before + entry.after).find("canary") == std::string::npos);
}

TEST_CASE("a shop that has left is in no page of shops") {
    RequestFixture fixture;
    const auto listed = [&](int limit) {
        std::vector<std::string> slugs;
        for (const auto& row : run(fixture.book->begin(std::nullopt)->tenants().list({}, limit)))
            slugs.push_back(row.slug);
        return slugs;
    };
    CHECK(listed(9) == std::vector<std::string>{"ballet", "ferreteria"});
    fixture.test.query("UPDATE tenants SET retired_at = now() WHERE slug = 'ballet'");
    CHECK(listed(9) == std::vector<std::string>{"ferreteria"});
    // it takes no place either
    CHECK(listed(1) == std::vector<std::string>{"ferreteria"});
}
