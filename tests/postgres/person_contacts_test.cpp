// One person who is several contacts of a shop: whom a channel knows, and whom its CRM told of.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sstream>

#include "postgres/erasure_keys.hpp"
#include "postgres/json.hpp"
#include "postgres/person_export.hpp"
#include "postgres/persons.hpp"
#include "postgres/request_stores.hpp"
#include "tests/postgres/people.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

constexpr auto ana = "5491150000001";
constexpr auto eva = "5491150000002";

struct Contacts : PeopleFixture {
    std::unique_ptr<CrmStore> crm = make_crm_store(database);
    std::unique_ptr<PersonStore> persons = make_person_store(database);

    void add(int n, const std::string& members) { add_to(ballet, n, members); }
    void add_to(TenantId tenant, int n, const std::string& members) {
        REQUIRE(run(crm->add(tenant, CrmKind::contact, nth<CrmId>(n), members, olga)) ==
                CrmStore::Outcome::done);
    }
    /// The one whom WhatsApp knows, the one whom the CRM told of, and one with that one's address; and Eva
    /// twice.
    void add_both() {
        store("1", "CANARY hola", at(0), ana);
        store("2", "hola", at(0), eva);
        add(1, R"({"name":"CANARY Ana","phone":"+54 9 11 5000-0001","email":"Canary@Example.com"})");
        add(2, R"({"name":"CANARY A.","email":"canary@example.com"})");
        add(3, R"({"name":"Eva","phone":"+54 9 11 5000 0002","email":"eva@example.com"})");
        add_to(other, 4, R"({"name":"hers elsewhere","phone":"+54 11 5000-0001"})");
    }
    static std::string id(int n) { return nth<CrmId>(n).to_string(); }
    std::string written_as(const std::string& number) {
        return run(find_contacts(database, ballet, {{}, "whatsapp", number})).at(0);
    }
    KnownPerson known(const std::string& contact) {
        return run(read_person(database, ballet, {contact, {}, {}}, contact, true));
    }
    Secret key() { return run(ensure_erasure_key(database, vault, ballet, random)); }
    ErasureNote note(SysTime when = SystemClock().now() + Millis{1'000}) {
        return {ballet, format_uuid(hash_uuid("erasure", {random.hex(8)})), when, "tester", {}};
    }
    Erased erase(const std::string& contact, SysTime when = SystemClock().now() + Millis{1'000}) {
        return erase_as(known(contact), when).value();
    }
    Result<Erased> erase_as(const KnownPerson& who, SysTime when = SystemClock().now() + Millis{1'000}) {
        return run(erase_person(
            database, note(when), who, key(), [](const ErasureNote&) {}, [](double) {}));
    }
    /// As a process that starts does: how many erasures.
    std::int64_t finish() {
        return run(finish_erasures(database, ballet, run(open_erasures(database, ballet)), key(),
                                   [](const ErasureNote&) {}));
    }
    std::string names() const {
        return test.query("SELECT string_agg(name, ',' ORDER BY name) FROM contacts");
    }
    Result<PersonPage> page(const std::string& contact, const std::string& after, int limit = 200) {
        return run(persons->export_page(ballet, *CrmId::parse(contact), after, limit, olga));
    }
    std::vector<std::string> exported(const std::string& contact, int limit) {
        std::vector<std::string> items;
        std::string after;
        do {
            const auto its = page(contact, after, limit);
            REQUIRE(its.has_value());
            CHECK(std::ssize(its->items) <= limit);
            items.insert(items.end(), its->items.begin(), its->items.end());
            after = its->next;
        } while (!after.empty());
        return items;
    }
    // Everything that the database holds, as text: what a dump would show.
    std::string everything() const {
        std::string all;
        std::istringstream tables(
            test.query("SELECT c.oid::regclass FROM pg_class AS c WHERE c.relkind = 'r' "
                       "AND c.relnamespace = 'public'::regnamespace"));
        for (std::string table; std::getline(tables, table);) {
            all += test.query("SELECT x::text FROM " + table + " AS x") + "\n";
        }
        return all;
    }
};

}  // namespace

TEST_CASE("whoever has the number or the address is erased with the person, and nobody else") {
    for (const bool by_channel : {true, false}) {
        CAPTURE(by_channel);
        Contacts it;
        it.add_both();
        const std::string written = it.written_as("+54 9 11 5000-0001");
        CHECK(written != it.id(1));
        const Erased erased = it.erase(by_channel ? written : it.id(2));
        CHECK(erased.rows.at("contacts") == 3);
        CHECK(erased.rows.at("messages") == 1);
        const std::string all = it.everything();
        for (const auto& left :
             {std::string("CANARY"), std::string("anary@"), std::string(ana), it.id(1), it.id(2), written}) {
            CAPTURE(left);
            CHECK(all.find(left) == std::string::npos);
        }
        // the other shop's contact has the number too, and nothing else in the database
        CHECK(it.test.query("SELECT tenant_id FROM contact_names WHERE value = '541150000001'") ==
              it.other.to_string());
        CHECK(all.find("541150000001") == all.rfind("541150000001"));
        CHECK(it.names() == "Ana,Eva,hers elsewhere");  // who wrote is Ana in every message of the fixture
        CHECK(it.known(it.written_as(eva)).contacts.size() == 2);
    }
}

TEST_CASE("a number is the same however it is written, and a short one is nobody's") {
    Contacts it;
    const auto names = [&](const std::string& phone) {
        return it.test.query("SELECT array_to_string(phone_names('" + phone + "'), ',')");
    };
    CHECK(names("+54 9 11 5000-0001") == "541150000001,5491150000001");
    CHECK(names("0054 11 5000-0001") == "541150000001");
    CHECK(names("+55 11 98888-7777") == "551188887777,5511988887777");
    CHECK(names("+55 11 93333-7777") == "5511933337777");
    CHECK(names("11-5000") == "");
    it.add(1, R"({"name":"a","phone":"115"})");
    it.add(2, R"({"name":"b","phone":"115"})");
    CHECK(it.known(it.id(1)).contacts.size() == 1);
}

TEST_CASE("one whom only the CRM knows is found by their number, and what they had written does not come") {
    Contacts it;
    it.add(1, R"({"name":"Ana","phone":"+54 9 11 5000-0001"})");
    CHECK(it.written_as("+54 11 5000 0001") == it.id(1));
    CHECK(run(find_contacts(it.database, it.ballet, {{}, "telegram", ana})).empty());
    const SysTime when = SystemClock().now() + Millis{1'000};
    it.erase(it.id(1), when);
    CHECK(it.store("1", "hola", when).erased);
    CHECK_FALSE(it.store("2", "hola", when + Millis{1}).erased);
}

TEST_CASE("who has the number since an erasure is somebody new") {
    Contacts it;
    it.store("1", "hola", at(0));
    it.add(1, R"({"name":"new","phone":"+54 9 11 5000-0001"})");
    it.erase(it.written_as(ana), at(-1'000'000'000));
    CHECK(it.names() == "new");
}

TEST_CASE("an erasure that was cut off takes the CRM's contact too, whichever is found first") {
    Contacts it;
    it.add_both();
    const KnownPerson who = it.known(it.id(1));
    run(begin_erasure(it.database, it.note(), who.aliases, it.key(), who.contact));
    CHECK(it.finish() == 1);
    CHECK(it.names() == "Ana,Eva,hers elsewhere");
    CHECK(it.test.query("SELECT counts ->> 'contacts' FROM erasures") == "3");
}

TEST_CASE("an erasure of one whom only the CRM knows is finished where it was cut off or restored") {
    Contacts it;
    it.add(1, R"({"name":"Ana","phone":"+54 9 11 5000-0001"})");
    it.add(2, R"({"name":"Eva"})");
    it.add(3, R"({"name":"hers since","phone":"+54 9 11 5000-0001"})");
    // as the log has it of a time at which nobody else had the number
    ErasureNote logged = it.note();
    for (const auto& name : {it.id(1), std::string("5491150000001"), std::string("541150000001")}) {
        logged.marks.push_back(name_mark(it.key(), name));
    }
    run(note_erasure(it.database, logged));
    CHECK(it.finish() == 1);
    CHECK(it.names() == "Eva,hers since");
    const KnownPerson eva_of_crm = it.known(it.id(2));
    run(begin_erasure(it.database, it.note(), eva_of_crm.aliases, it.key(), eva_of_crm.contact));
    CHECK(it.finish() == 1);
    CHECK(it.names() == "hers since");
    CHECK(it.test.query("SELECT count(*) FROM erasures WHERE done_at IS NULL") == "0");
}

TEST_CASE("an erasure that another process closed meanwhile still says what went") {
    Contacts it;
    it.store("1", "hola", at(0));
    const KnownPerson who = it.known(it.written_as(ana));
    const auto close = [&](const ErasureNote& told) {
        run(it.database.call("end_erasure", it.ballet, R"({"erasure":")" + told.erasure + R"("})"));
    };
    CHECK(run(erase_person(it.database, it.note(), who, it.key(), close, [](double) {})).has_value());
    CHECK(it.test.query("SELECT counts ->> 'messages' FROM erasures") == "1");
}

TEST_CASE("a person who has become more contacts than one can be is not erased, and the erasure stays open") {
    Contacts it;
    for (int n = 1; n <= 10; ++n) it.add(n, R"({"name":"x","phone":"+54 11 4000-0000"})");
    const KnownPerson who = it.known(it.id(1));
    it.add(11, R"({"name":"x","phone":"+54 11 4000-0000"})");
    it.add(12, R"({"name":"x","phone":"+54 11 4000-0000"})");
    const auto refused = it.erase_as(who);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == "person.shared");
    CHECK(it.test.query("SELECT count(*) FROM contacts WHERE phone IS NOT NULL") == "12");
    CHECK(run(open_erasures(it.database, it.ballet)).size() == 1);
    CHECK(it.known(it.id(12)).contacts.size() == most_contacts_of_person + 1);
}

TEST_CASE("an address names somebody however it is written, and not as a part of another") {
    Contacts it;
    const auto named = [&](const std::string& raw) {
        return it.test.query("SELECT is_named($raw$" + raw + "$raw$, ARRAY['Ana.B@x.com'])") == "t";
    };
    for (const auto* hers : {"ana.b@x.com", R"({"from":"Ana.B@X.com"})", R"("mail:\nANA.b@x.com\nbye")",
                             "write to ana.b@x.com.", "<ana.b@x.com>", R"("\u003cana.b@x.com\u003e")"}) {
        CAPTURE(hers);
        CHECK(named(hers));
    }
    for (const auto* foreign : {"juana.b@x.com", "x-ana.b@x.com", "ana.b@x.com.ar", "ana.b@x.community",
                                "anaxb@x.com", "ana.b@x-com"}) {
        CAPTURE(foreign);
        CHECK_FALSE(named(foreign));
    }
}

TEST_CASE("a phone number that is stated while the person is erased takes its contact along") {
    Contacts it;
    it.store("1", "hola", at(0));
    it.add(1, R"({"name":"late"})");
    const KnownPerson who = it.known(it.written_as(ana));
    run(it.crm->change(it.ballet, CrmKind::contact, nth<CrmId>(1), R"({"phone":"5491150000001"})", it.olga));
    std::size_t marks = 0;
    run(erase_person(
            it.database, it.note(), who, it.key(),
            [&](const ErasureNote& told) { marks = told.marks.size(); }, [](double) {}))
        .value();
    CHECK(it.names() == "");
    CHECK(marks > who.aliases.size());
}

TEST_CASE("an erasure is noted once with who asked for it, under names that say nothing") {
    Contacts it;
    it.add_both();
    const std::string written = it.written_as(ana);
    const KnownPerson who = it.known(written);
    auto begun = run(begin_erasure(it.database, it.note(), who.aliases, it.key(), written));
    run(begin_erasure(it.database, it.note(), who.aliases, it.key(), written));
    const auto rows = it.audit(it.ballet, {.action = "contact.erase"});
    REQUIRE(rows.size() == 3);
    for (const auto& row : rows) {
        CHECK(row.after.find(begun.erasure) != std::string::npos);
        for (const auto& hers : {written, it.id(1), it.id(2)}) CHECK(row.subject != "contact:" + hers);
    }
}

TEST_CASE("whom was erased under an id is known by its mark, and an id of nobody is not") {
    Contacts it;
    it.store("1", "hola", at(0));
    const std::string written = it.written_as(ana);
    const Erased erased = it.erase(written);
    const auto again = run(find_erasure(it.database, it.ballet, it.key(), written));
    REQUIRE(again);
    CHECK(again->erasure == erased.erasure);
    CHECK(again->rows == erased.rows);
    CHECK(again->rows.at("messages") == 1);
    CHECK_FALSE(run(find_erasure(it.database, it.ballet, it.key(), it.id(77))));
    CHECK_FALSE(run(find_erasure(it.database, it.other, it.key(), written)));
}

TEST_CASE("an export has each row of the person once, whatever the pages' size") {
    Contacts it;
    it.add_both();
    const auto letters = make_dead_letters(it.database);
    for (const auto* person : {ana, eva}) {
        const std::string who(person);
        it.answer(it.claim(it.store("more " + who, "dice", at(1), who), at(2)), {"a " + who}, at(3));
        Inbound strange = inbound("strange." + who, "", who);
        strange.raw = R"({"from":")" + who + "\"}";
        run(it.resolve->archive(it.account(), strange, at(5)));
        DeadLetter letter;
        letter.topic = "messages.received";
        letter.stage = "resolve";
        letter.key = "whatsapp/1001:" + who;
        letter.value = "letter of " + who + " ñ";
        letter.headers = "{}";
        letter.offset = {person == ana ? 1 : 2};
        run(letters->bury({letter}));
    }
    const auto whole = it.exported(it.id(1), 200);
    CHECK(whole.size() > 10);
    std::string all;
    for (const auto& item : whole) all += item;
    for (const auto* part : {"CANARY hola", "a 5491150000001", "letter of 5491150000001 ñ", "CANARY A.",
                             "Canary@Example.com", R"({\"from\":\"5491150000001\"})"}) {
        CAPTURE(part);
        CHECK(all.find(part) != std::string::npos);
    }
    for (const auto* foreign : {eva, "Eva", "hers elsewhere", "tenant_id"}) {
        CAPTURE(foreign);
        CHECK(all.find(foreign) == std::string::npos);
    }
    for (const int limit : {1, 3, 7}) {
        CAPTURE(limit);
        CHECK(it.exported(it.id(1), limit) == whole);
    }
    // the same from the command line
    std::string document;
    export_person(Secret(it.test.operator_text_url()), it.ballet, "ballet", it.id(1),
                  [&](std::string_view text) { document += text; });
    for (const auto* part : {"CANARY hola", "CANARY A.", "letter of 5491150000001 ñ"}) {
        CHECK(document.find(part) != std::string::npos);
    }
    CHECK(document.find(eva) == std::string::npos);
}

TEST_CASE("every page of an export is noted, wherever it begins") {
    Contacts it;
    it.add_both();
    const auto first = it.page(it.id(1), "", 1);
    REQUIRE(first.has_value());
    CHECK_FALSE(it.page(it.id(1), first->next, 1)->log_subject.empty());
    CHECK(it.page(it.id(1), "archive|(0,0)").has_value());
    CHECK(it.audit(it.ballet, {.action = "contact.export"}).size() == 3);
}

TEST_CASE("another shop's contact is exported as one that nobody has") {
    Contacts it;
    it.add_to(it.other, 9, R"({"name":"theirs"})");
    for (const int n : {9, 77}) {
        const auto refused = it.page(it.id(n), "");
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().code == "person.unknown");
    }
    it.add(1, R"({"name":"Ana"})");
    // a place that no page gave
    for (const auto* after : {"archive|(999999999,9999)", "archive|x", "users|", "|", "messages|zz"}) {
        CAPTURE(after);
        CHECK(it.page(it.id(1), after).has_value());
    }
}

TEST_CASE("what the web widget calls a visitor is in no export: it opens their chat") {
    Contacts it;
    Inbound said = inbound("1", "hola");
    const std::string visitor = "0123456789abcdef0123456789abcdef";
    said.aliases = {{"web_visitor", visitor}};
    run(it.resolve->store_message(it.account("web", "ballet"), said, at(0), ""));
    const auto contact = it.test.query("SELECT contact_id FROM aliases WHERE kind = 'web_visitor'");
    std::string all;
    for (const auto& item : it.exported(contact, 50)) all += item;
    CHECK(all.find("hola") != std::string::npos);
    CHECK(all.find(visitor) == std::string::npos);
}

TEST_CASE("a number that more than ten contacts have is nobody's own") {
    Contacts it;
    for (int n = 1; n <= 10; ++n) it.add(n, R"({"name":"x","phone":"+54 11 4000-0000"})");
    CHECK(it.page(it.id(1), "").has_value());
    it.add(11, R"({"name":"x","phone":"+54 11 4000-0000"})");
    const auto refused = it.page(it.id(1), "");
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == "person.shared");
    CHECK(it.audit(it.ballet, {.action = "contact.export"}).size() == 1);
}
