// Companies, divisions, contacts and opportunities on the real rows, and what becomes of people there who are
// erased, forgotten or back.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>

#include "core/json_object.hpp"
#include "postgres/erasure_keys.hpp"
#include "postgres/json.hpp"
#include "postgres/persons.hpp"
#include "postgres/request_stores.hpp"
#include "postgres/retention.hpp"
#include "tests/postgres/people.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using Crm = CrmStore::Outcome;

struct CrmFixture : PeopleFixture {
    using PeopleFixture::PeopleFixture;

    std::unique_ptr<CrmStore> crm = make_crm_store(database);

    Crm add(CrmKind kind, int n, const std::string& members) { return add_to(ballet, kind, n, members); }
    Crm add_to(TenantId tenant, CrmKind kind, int n, const std::string& members) {
        return run(crm->add(tenant, kind, nth<CrmId>(n), members, olga));
    }
    Crm change(CrmKind kind, int n, const std::string& members) {
        return run(crm->change(ballet, kind, nth<CrmId>(n), members, olga));
    }
    Crm remove(CrmKind kind, int n) { return run(crm->remove(ballet, kind, nth<CrmId>(n), olga)); }
    Json read(CrmKind kind, CrmId id) {
        const auto row = run(crm->find(ballet, kind, id));
        return Json::parse(row ? row->json : "null");
    }
    Json read(CrmKind kind, int n) { return read(kind, nth<CrmId>(n)); }
    std::vector<CrmRow> list(CrmKind kind, std::map<std::string, std::string> wanted = {},
                             std::optional<CrmId> after = std::nullopt, int limit = 100) {
        return run(crm->list(ballet, kind, {std::move(wanted), after, limit}));
    }
    /// Company 1, its division 2, contact 3 in it, and opportunity 4 of theirs.
    void add_one_of_each() {
        REQUIRE(add(CrmKind::company, 1, R"({"name":"Lab","crm_company_id":"c1"})") == Crm::done);
        REQUIRE(add(CrmKind::division, 2, R"({"name":"Compras","company":")" + id(1) + R"("})") == Crm::done);
        REQUIRE(add(CrmKind::contact, 3,
                    R"({"name":"CANARY Eva","email":"canary@example.com","phone":"canary 11",)"
                    R"("crm_contact_id":"canary-k","division":")" +
                        id(2) + R"("})") == Crm::done);
        REQUIRE(add(CrmKind::opportunity, 4,
                    R"({"title":"CANARY puntas","problem":"canary pain","amount":{"minor_units":129900,)"
                    R"("currency":"ARS"},"contact":")" +
                        id(3) + R"(","recommendations":[{"sku":")" + sku() +
                        R"(","justification":"canary because"}]})") == Crm::done);
    }
    static std::string id(int n) { return nth<CrmId>(n).to_string(); }
    std::string sku() const {
        return test.query(
            fmt::format("SELECT min(sku) FROM catalogue_entries WHERE tenant_id = {}", ballet.value));
    }
    /// Everything that the database holds, as text: what a dump would show.
    std::string everything() const {
        std::string all;
        const std::string tables = test.query(
            "SELECT string_agg(c.oid::regclass::text, ' ') FROM pg_class AS c "
            "WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace");
        for (std::size_t at = 0, end = 0; end != std::string::npos; at = end + 1) {
            end = tables.find(' ', at);
            all += test.query("SELECT x::text FROM " + tables.substr(at, end - at) + " AS x") + "\n";
        }
        return all;
    }
    void erase(const std::string& contact) {
        const auto key = run(ensure_erasure_key(database, vault, ballet, random));
        const PersonName name{contact, {}, {}};
        const KnownPerson who = run(read_person(database, ballet, name, contact, true));
        const SysTime when = SystemClock().now() + Millis{1'000};
        ErasureNote note{ballet, format_uuid(hash_uuid("erasure", {contact})), when, "tester", {}};
        note = run(begin_erasure(database, note, who.aliases, key));
        run(erase_person(
                database, note, who, key, [](const ErasureNote&) {}, [](double) {}))
            .value();
    }
};

struct FixedClock final : Clock {
    explicit FixedClock(SysTime when) : time(when) {}
    SysTime now() const override { return time; }
    Task<void> sleep_until(SysTime) override { co_return; }
    SysTime time;
};

}  // namespace

TEST_CASE("a contact works in a division of a company, and what may be sold to them is exact") {
    CrmFixture it;
    it.add_one_of_each();
    const Json contact = it.read(CrmKind::contact, 3);
    CHECK(contact.text("company") == it.id(1));
    CHECK(contact.text("division") == it.id(2));
    CHECK(contact["aliases"].items().empty());
    const Json opportunity = it.read(CrmKind::opportunity, 4);
    CHECK(opportunity.text("stage") == "new");
    CHECK(opportunity["amount"].number("minor_units") == 129'900);
    CHECK(opportunity["amount"].text("currency") == "ARS");
    const auto recommended = opportunity["recommendations"].items();
    REQUIRE(recommended.size() == 1);
    CHECK(recommended[0].text("sku") == it.sku());
    CHECK(recommended[0].text("name") != "");
    CHECK(recommended[0].number("rank") == 1);
    CHECK(from_iso8601(contact.text("created_at")).has_value());

    CHECK(it.change(CrmKind::opportunity, 4, R"({"amount":null,"stage":"won"})") == Crm::done);
    CHECK(it.read(CrmKind::opportunity, 4)["amount"].null());
    CHECK(it.read(CrmKind::opportunity, 4).text("title") == "CANARY puntas");
    CHECK(it.change(CrmKind::opportunity, 4, R"({"recommendations":[]})") == Crm::done);
    CHECK(it.read(CrmKind::opportunity, 4)["recommendations"].items().empty());
}

TEST_CASE("what names something that the shop has not is refused, another shop's too") {
    CrmFixture it;
    it.add_to(it.other, CrmKind::company, 9, R"({"name":"theirs"})");
    it.add_to(it.other, CrmKind::division, 9, R"({"name":"theirs","company":")" + it.id(9) + R"("})");
    it.add_to(it.other, CrmKind::contact, 9, R"({"name":"theirs"})");
    for (const int n : {9, 77}) {
        CAPTURE(n);
        const std::string its = it.id(n);
        CHECK(it.add(CrmKind::division, 2, R"({"name":"x","company":")" + its + R"("})") == Crm::no_company);
        CHECK(it.add(CrmKind::contact, 3, R"({"name":"x","division":")" + its + R"("})") == Crm::no_division);
        CHECK(it.add(CrmKind::opportunity, 4, R"({"title":"x","contact":")" + its + R"("})") ==
              Crm::no_contact);
        CHECK(it.add(CrmKind::opportunity, 4, R"({"title":"x","company":")" + its + R"("})") ==
              Crm::no_company);
        CHECK(it.change(CrmKind::company, n, R"({"name":"x"})") == Crm::not_found);
        CHECK(it.remove(CrmKind::contact, n) == Crm::not_found);
        CHECK(it.read(CrmKind::company, n).null());
    }
    it.add_one_of_each();
    const auto recommend = [&](const std::string& first, const std::string& second) {
        return it.change(CrmKind::opportunity, 4,
                         fmt::format(R"({{"recommendations":[{{"sku":"{}","justification":"a"}},)"
                                     R"({{"sku":"{}","justification":"b"}}]}})",
                                     first, second));
    };
    CHECK(recommend(it.sku(), "M-1") == Crm::no_product);  // the other shop's
    CHECK(recommend(it.sku(), it.sku()) == Crm::same_product);
    CHECK(it.change(CrmKind::opportunity, 4, R"({"contact":null})") == Crm::nobody);
    CHECK(it.list(CrmKind::company).size() == 1);
}

TEST_CASE("a CRM's id is one row's of the shop, until that is taken out of the lists") {
    CrmFixture it;
    const std::string lab = R"({"name":"Lab","crm_company_id":"c1"})";
    CHECK(it.add(CrmKind::company, 1, lab) == Crm::done);
    CHECK(it.add(CrmKind::company, 2, lab) == Crm::taken);
    CHECK(it.add_to(it.other, CrmKind::company, 2, lab) == Crm::done);
    CHECK(it.add(CrmKind::company, 3, R"({"name":"Lab"})") == Crm::done);
    CHECK(it.add(CrmKind::company, 4, R"({"name":"Lab"})") == Crm::done);
    CHECK(it.change(CrmKind::company, 3, R"({"crm_company_id":"c1"})") == Crm::taken);
    CHECK(it.remove(CrmKind::company, 1) == Crm::done);
    CHECK(it.change(CrmKind::company, 3, R"({"crm_company_id":"c1"})") == Crm::done);
    CHECK(it.list(CrmKind::company, {{"crm_company_id", "c1"}}).at(0).id == nth<CrmId>(3));
    CHECK(it.test.query("SELECT count(*) FROM companies WHERE deleted_at IS NOT NULL") == "1");
    CHECK(it.remove(CrmKind::company, 1) == Crm::not_found);
}

TEST_CASE("what others belong to stays until they are gone") {
    CrmFixture it;
    it.add_one_of_each();
    CHECK(it.remove(CrmKind::company, 1) == Crm::in_use);
    CHECK(it.remove(CrmKind::division, 2) == Crm::in_use);
    CHECK(it.remove(CrmKind::contact, 3) == Crm::in_use);
    CHECK(it.remove(CrmKind::opportunity, 4) == Crm::done);
    CHECK(it.remove(CrmKind::contact, 3) == Crm::done);
    CHECK(it.remove(CrmKind::division, 2) == Crm::done);
    CHECK(it.remove(CrmKind::company, 1) == Crm::done);
    for (const auto kind : {CrmKind::company, CrmKind::division, CrmKind::contact, CrmKind::opportunity})
        CHECK(it.list(kind).empty());
}

TEST_CASE("pages hold every row once, and only those that are wanted") {
    CrmFixture it(1);
    it.add(CrmKind::company, 1, R"({"name":"a"})");
    it.add(CrmKind::company, 2, R"({"name":"b"})");
    for (int n = 10; n < 40; ++n) {
        const int company = n % 3 == 0 ? 1 : 2;
        it.add(CrmKind::division, n, fmt::format(R"({{"name":"d{}","company":"{}"}})", n, it.id(company)));
        it.add(CrmKind::contact, n, fmt::format(R"({{"name":"k{}","division":"{}"}})", n, it.id(n)));
    }
    it.store("1", "hola", at(0));  // somebody whom nobody added
    std::set<CrmId> seen;
    std::optional<CrmId> after;
    for (;;) {
        const auto page = it.list(CrmKind::contact, {}, after, 7);
        for (const auto& row : page) CHECK(seen.insert(row.id).second);
        if (page.size() < 7) break;
        after = page.back().id;
    }
    CHECK(seen.size() == 31);
    CHECK(it.list(CrmKind::division, {{"company", it.id(1)}}).size() == 10);
    CHECK(it.list(CrmKind::contact, {{"company", it.id(1)}}).size() == 10);
    CHECK(it.list(CrmKind::contact, {{"company", it.id(2)}}, nth<CrmId>(38)).size() == 0);
    CHECK(it.list(CrmKind::contact, {{"division", it.id(12)}}).at(0).id == nth<CrmId>(12));
    CHECK(it.list(CrmKind::contact, {{"company", it.id(2)}, {"division", it.id(12)}}).empty());
}

TEST_CASE("the database dates the rows, and the process cannot") {
    CrmFixture it;
    it.add(CrmKind::company, 1, R"({"name":"a"})");
    const std::string dates = "SELECT created_at, updated_at FROM companies";
    it.test.query("ALTER TABLE companies DISABLE TRIGGER touched");
    it.test.query("UPDATE companies SET created_at = '2000-01-01', updated_at = '2000-01-01' RETURNING 1");
    it.test.query("ALTER TABLE companies ENABLE TRIGGER touched");
    const std::string before = it.test.query(dates);
    it.change(CrmKind::company, 1, R"({"name":"a"})");
    CHECK(it.test.query(dates) == before);  // nothing was changed
    it.change(CrmKind::company, 1, R"({"name":"b"})");
    CHECK(it.test.query("SELECT created_at < '2001-01-01', updated_at > '2001-01-01' FROM companies") ==
          "t|t");
    for (const auto* table : {"companies", "divisions", "opportunities", "opportunity_recommendations"}) {
        CAPTURE(table);
        CHECK(it.test.query(fmt::format("SELECT has_column_privilege('relevo_app', '{0}', 'created_at', "
                                        "'UPDATE'), has_column_privilege('relevo_app', '{0}', 'tenant_id', "
                                        "'UPDATE')",
                                        table)) == "f|f");
    }
}

TEST_CASE("every change is noted with who made it, and of what is personal only that it changed") {
    CrmFixture it;
    it.add_one_of_each();
    it.change(CrmKind::company, 1, R"({"name":"Lab Sur"})");
    it.change(CrmKind::contact, 3, R"({"email":"canary2@example.com"})");
    it.change(CrmKind::opportunity, 4, R"({"stage":"won","problem":"canary again"})");
    it.change(CrmKind::opportunity, 4, R"({"stage":"won"})");  // as it was
    it.remove(CrmKind::opportunity, 4);
    const auto rows = it.audit(it.ballet);
    std::vector<std::string> actions;
    for (const auto& row : rows) {
        actions.push_back(row.action);
        CHECK(row.actor.id == "op");
        const std::string said = row.subject + row.before + row.after;
        CHECK(said.find("anary") == std::string::npos);
        CHECK(said.find("CANARY") == std::string::npos);
        CHECK(said.find(it.id(3)) == std::string::npos);
    }
    CHECK(actions == std::vector<std::string>{"opportunity.remove", "opportunity.change", "contact.change",
                                              "company.change", "opportunity.recommend", "opportunity.add",
                                              "contact.add", "division.add", "company.add"});
    CHECK(rows.at(1).before == R"({"stage":"new"})");
    CHECK(rows.at(1).after == R"({"stage":"won","changed":["problem"]})");
    CHECK(rows.at(2).after == R"({"changed":["email"]})");
    CHECK(rows.at(2).subject == it.read(CrmKind::contact, 3).text("log_subject"));
    CHECK(rows.at(3).before == R"({"name":"Lab"})");
    CHECK(rows.at(3).after == R"({"name":"Lab Sur"})");
}

TEST_CASE("whoever writes is no change of anybody's, and a contact like any other") {
    CrmFixture it;
    it.store("1", "hola", at(0));
    CHECK(it.audit(it.ballet).empty());
    const auto found = it.list(CrmKind::contact);
    REQUIRE(found.size() == 1);
    const Json contact = it.read(CrmKind::contact, found[0].id);
    CHECK(contact["aliases"].items().at(0).text("value") == "5491150000001");
    CHECK(contact.text("log_subject") == "");
    CHECK(run(it.crm->change(it.ballet, CrmKind::contact, found[0].id, R"({"crm_contact_id":"k1"})",
                             it.olga)) == Crm::done);
    CHECK(it.list(CrmKind::contact, {{"crm_contact_id", "k1"}}).at(0).id == found[0].id);
    const auto noted = it.audit(it.ballet);
    REQUIRE(noted.size() == 1);
    CHECK(noted[0].subject.find(found[0].id.to_string()) == std::string::npos);
}

TEST_CASE("who was taken out of the lists and writes again is back, and no longer the one of the CRM") {
    CrmFixture it;
    it.store("1", "hola", at(0));
    const CrmId ana = it.list(CrmKind::contact).at(0).id;
    run(it.crm->change(it.ballet, CrmKind::contact, ana, R"({"crm_contact_id":"k1"})", it.olga));
    CHECK(run(it.crm->remove(it.ballet, CrmKind::contact, ana, it.olga)) == Crm::done);
    CHECK(it.add(CrmKind::contact, 3, R"({"name":"Ana","crm_contact_id":"k1"})") == Crm::done);
    const auto again = it.store("2", "sigo acá", at(1));
    CHECK(again.seq == 2);
    CHECK(it.read(CrmKind::contact, ana).text("id") == ana.to_string());
    CHECK(it.read(CrmKind::contact, ana).text("crm_contact_id") == "");
    CHECK(it.audit(it.ballet).front().action == "contact.restore");
}

TEST_CASE(
    "an erased person is in no row of what may be sold to them, and a request that comes again finds "
    "nobody") {
    CrmFixture it;
    const auto book = make_request_book(it.database, it.masters, "the installation");
    const Once once{it.ballet, "user:ana", sha256_hex("k"), sha256_hex("request"), at(0)};
    const auto add_eva = [&] {
        const auto stores = book->begin(once);
        CHECK(run(stores->crm().add(it.ballet, CrmKind::contact, nth<CrmId>(5),
                                    R"({"name":"CANARY once","email":"canary@example.com"})", it.olga)) ==
              Crm::done);
        return run(stores->crm().find(it.ballet, CrmKind::contact, nth<CrmId>(5))).has_value();
    };
    CHECK(add_eva());
    CHECK(add_eva());
    it.add_one_of_each();
    it.add(CrmKind::opportunity, 6, R"({"title":"of the company","company":")" + it.id(1) + R"("})");
    CHECK(it.everything().find("canary@example.com") != std::string::npos);
    for (const int n : {3, 5}) it.erase(it.id(n));
    CHECK_FALSE(add_eva());
    const std::string all = it.everything();
    for (const std::string& left : {std::string("CANARY"), std::string("canary"), it.id(3), it.id(5)}) {
        CAPTURE(left);
        CHECK(all.find(left) == std::string::npos);
    }
    CHECK(it.list(CrmKind::opportunity).at(0).id == nth<CrmId>(6));
    CHECK(it.list(CrmKind::company).size() == 1);
}

TEST_CASE("an erasure that a restored database has forgotten finds somebody who never wrote") {
    CrmFixture it;
    it.add(CrmKind::contact, 3, R"({"name":"CANARY Eva"})");
    const Json aliases = Json::parse(run(it.database.call("list_aliases", it.ballet, R"({"limit":10})")));
    REQUIRE(aliases.items().size() == 1);
    CHECK(aliases.items()[0].text("contact") == it.id(3));
    CHECK(aliases.items()[0].text("value") == it.id(3));
}

TEST_CASE("what the shop's CRM knows outlives what was written, and what nobody added does not") {
    CrmFixture it;
    it.test.query(fmt::format("UPDATE tenants SET keep_days = 30 WHERE id = {}", it.ballet.value));
    it.store("1", "hola", at(0), "1111");
    it.store("2", "hola", at(0), "2222");
    it.store("3", "hola", at(0), "3333");
    const auto contact_of = [&](const std::string& alias) {
        return *CrmId::parse(it.test.query("SELECT contact_id FROM aliases WHERE value = '" + alias + "'"));
    };
    const CrmId known = contact_of("1111");
    const CrmId buyer = contact_of("2222");
    run(it.crm->change(it.ballet, CrmKind::contact, known, R"({"name":"Ana"})", it.olga));
    it.add(CrmKind::opportunity, 4, R"({"title":"x","contact":")" + buyer.to_string() + R"("})");
    it.test.query("UPDATE conversations SET created_at = '2000-01-01'");
    FixedClock clock(at(40 * 86'400));
    CHECK(run(forget_old(it.database, clock, it.ballet, Millis{1})).messages == 3);
    CHECK(it.test.query("SELECT count(*) FROM conversations") == "0");
    CHECK(it.test.query("SELECT string_agg(value, ' ' ORDER BY value) FROM aliases") == "1111 2222");
    CHECK(it.list(CrmKind::contact).size() == 2);
}

TEST_CASE("a conversation in Chatwoot keeps what it is called there, and no other channel says so") {
    CrmFixture it;
    const auto ids = [&](const std::string& channel, const std::string& event, const std::string& metadata) {
        it.test.query("UPDATE accounts SET channel = '" + channel + "' WHERE external_id = '1001'");
        it.test.query("UPDATE conversations SET channel = '" + channel + "'");
        Account account = it.account(channel);
        Inbound said = inbound(event, "hola");
        said.metadata = metadata;
        run(it.resolve->store_message(account, said, at(0), ""));
        return it.test.query("SELECT external_chatwoot_id, external_account_id FROM conversations");
    };
    const std::string there = R"({"chatwoot":{"conversation_id":412,"account_id":7}})";
    CHECK(ids("whatsapp", "1", there) == "|");
    CHECK(ids("chatwoot", "2", there) == "412|7");
    CHECK(ids("chatwoot", "3", "{}") == "412|7");
    CHECK(ids("chatwoot", "4", R"({"chatwoot":{"conversation_id":413,"account_id":7}})") == "413|7");
}

TEST_CASE("what other programs call profiles, history, voice and credits are views of the shop's own rows") {
    CrmFixture it;
    it.add_active(it.ballet, 1, "eva@example.com", {"viewer"});
    it.store("1", "hola", at(0));
    Inbound spoken = inbound("2", "[audio]");
    spoken.type = "audio";
    run(it.resolve->store_message(it.account(), spoken, at(1), ""));
    const auto as = [&](TenantId tenant, const std::string& what) {
        return it.test.query(
            fmt::format("SET ROLE relevo_app; SET app.tenant_id = '{}'; SELECT {}", tenant.value, what));
    };
    CHECK(as(it.ballet, "email, roles FROM profiles") == R"(eva@example.com|["viewer"])");
    CHECK(as(it.ballet, "string_agg(text, ' ' ORDER BY seq) FROM interaction_history") == "hola [audio]");
    CHECK(as(it.ballet, "text FROM voice_interactions") == "[audio]");
    CHECK(as(it.ballet, "count(*) FROM credit_usage") == "0");
    for (const auto* view : {"profiles", "interaction_history", "voice_interactions", "credit_usage"}) {
        CAPTURE(view);
        CHECK(as(it.other, std::string("count(*) FROM ") + view) == "0");
    }
    as(it.ballet,
       "1; INSERT INTO subscriptions (tenant_id, plan, status) VALUES (app_tenant(), 'pro', 'active')");
    CHECK(as(it.ballet, "plan FROM subscriptions") == "pro");
    CHECK(as(it.other, "count(*) FROM subscriptions") == "0");
    CHECK_THROWS(as(it.ballet,
                    "1; INSERT INTO subscriptions (tenant_id, plan, status) "
                    "VALUES (app_tenant(), 'pro', 'active')"));
}

TEST_CASE("whom the shop removed is forgotten in time, with what was to be sold to them") {
    CrmFixture it;
    it.test.query(fmt::format("UPDATE tenants SET keep_days = 30 WHERE id = {}", it.ballet.value));
    it.add_one_of_each();
    CHECK(it.remove(CrmKind::opportunity, 4) == Crm::done);
    CHECK(it.remove(CrmKind::contact, 3) == Crm::done);
    it.add(CrmKind::contact, 5, R"({"name":"Beto"})");  // stays: nobody removed him
    it.store("1", "hola", at(0), "1111");
    const std::string buyer = it.test.query("SELECT contact_id FROM aliases WHERE value = '1111'");
    it.add(CrmKind::opportunity, 6, R"({"title":"x","contact":")" + buyer + R"("})");
    CHECK(it.remove(CrmKind::opportunity, 6) == Crm::done);
    const auto left = [&] {
        return it.test.query(
            "SELECT (SELECT count(*) FROM contacts), (SELECT count(*) FROM opportunities),"
            " (SELECT count(*) FROM opportunity_recommendations), (SELECT count(*) FROM aliases)");
    };
    FixedClock soon(at(-4'000LL * 86'400));
    run(forget_old(it.database, soon, it.ballet, Millis{1}));
    CHECK(left() == "3|2|1|3");
    FixedClock late(at(40'000LL * 86'400));
    run(forget_old(it.database, late, it.ballet, Millis{1}));
    CHECK(left() == "1|0|0|1");
    CHECK(it.read(CrmKind::contact, 5).text("name") == "Beto");
}
