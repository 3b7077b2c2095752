#include "postgres/persons.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/json_object.hpp"
#include "postgres/accounts.hpp"
#include "postgres/ask.hpp"
#include "postgres/codec.hpp"
#include "postgres/erasure_keys.hpp"

namespace relevo {
namespace {

// 8 MB of archived parts: some 100 ms.
constexpr std::int64_t pages_at_once = 1'000;
constexpr int aliases_at_once = 5'000;

std::string aliases_json(const std::vector<Alias>& aliases) {
    std::vector<std::string> items;
    for (const auto& alias : aliases) items.push_back(alias_json(alias));
    return json_array(items);
}

std::vector<std::string> names_of(const std::vector<Alias>& aliases) {
    std::vector<std::string> names;
    for (const auto& alias : aliases) names.push_back(alias.value);
    return names;
}

std::map<std::string, std::int64_t> counts(const Json& object) {
    std::map<std::string, std::int64_t> out;
    for (const auto& [table, count] : object.members()) out[table] = count.number();
    return out;
}

JsonObject person_request(const KnownPerson& person) {
    JsonObject request;
    request.text_if_any("contact", person.contact).raw("aliases", aliases_json(person.aliases));
    if (person.contact.empty() && !person.contacts.empty()) {
        request.raw("contacts", json_texts(person.contacts));
    }
    return request;
}

std::vector<Alias> parse_aliases(const Json& json) {
    std::vector<Alias> aliases;
    for (const auto& alias : json.items()) aliases.push_back({alias.text("kind"), alias.text("value")});
    return aliases;
}

// Parts of webhooks that nobody understood name people only in what they hold: all are looked through, before
// the names are gone, in steps that lock nothing of anybody.
Task<std::int64_t> drop_archived(Database& database, ErasureNote note, std::vector<Alias> aliases, Secret key,
                                 TellLooked tell) {
    const std::string looking = co_await database.call("wait_for_archive", note.tenant, "{}");
    const std::int64_t pages = Json::parse(looking).number();
    const std::string names = json_texts(names_of(aliases));
    std::int64_t gone = 0;
    for (std::int64_t from = 0; from < pages; from += pages_at_once) {
        std::string request =
            JsonObject().number("from", from).number("to", from + pages_at_once).raw("names", names).str();
        const Json found =
            Json::parse(co_await database.call("find_archived", note.tenant, std::move(request)));
        std::vector<std::string> rows;
        for (const auto& row : found.items()) {
            const std::string event_id = row.text("event_id");
            const auto account = row.id<AccountId>("account");
            rows.push_back(JsonObject()
                               .id("account", account)
                               .text("event_id", event_id)
                               .text("mark", event_mark(key, account, event_id))
                               .str());
        }
        if (!rows.empty()) {
            std::string drop = JsonObject().raw("rows", json_array(rows)).str();
            gone +=
                Json::parse(co_await database.call("drop_archived", note.tenant, std::move(drop))).number();
        }
        tell(std::min(1.0, static_cast<double>(from + pages_at_once) / static_cast<double>(pages)));
    }
    co_return gone;
}

// Under which a channel may come to know somebody: whoever writes for the first time takes their locks.
std::vector<Alias> names_to_be(const PersonName& name) {
    static const std::map<std::string, std::vector<std::string>, std::less<>> kinds{
        {"whatsapp", {"wa_id", "wa_user"}},
        {"telegram", {"telegram_chat", "telegram_business"}},
        {"web", {"web_visitor"}}};
    const auto known = kinds.find(name.channel);
    if (known == kinds.end()) {
        throw Failure({Fault::permanent, "usage.invalid",
                       "there is no channel '" + name.channel + "'; known: telegram, web, whatsapp"});
    }
    const std::string digits = name.channel == "whatsapp" ? digits_of(name.address) : "";
    std::vector<Alias> aliases;
    for (const auto& kind : known->second) aliases.push_back({kind, digits.empty() ? name.address : digits});
    return aliases;
}

}  // namespace

Task<std::vector<std::string>> find_contacts(Database& database, TenantId tenant, PersonName name) {
    std::string request = JsonObject()
                              .text_if_any("contact", name.contact)
                              .text_if_any("channel", name.channel)
                              .text_if_any("value", name.address)
                              .text_if_any("digits", digits_of(name.address))
                              .str();
    const std::string found = co_await database.call("find_contacts", tenant, std::move(request));
    co_return Json::parse(found)["contacts"].texts();
}

Task<KnownPerson> read_person(Database& database, TenantId tenant, PersonName name, std::string contact,
                              bool count) {
    KnownPerson person{contact, {}, {}};
    if (!contact.empty()) {
        std::string request = JsonObject().text("contact", contact).str();
        const Json read = Json::parse(co_await database.call("read_person", tenant, std::move(request)));
        person.aliases = parse_aliases(read["aliases"]);
        person.contacts = read["contacts"].texts();
    } else if (!name.address.empty()) {
        person.aliases = names_to_be(name);
    }
    if (count) {
        std::string request = person_request(person).str();
        const std::string told = co_await database.call("count_person", tenant, std::move(request));
        person.rows = counts(Json::parse(told));
    }
    co_return person;
}

Task<bool> restore_erasure_key(Database& database, PostgresVault& vault, TenantId tenant, Secret key) {
    const std::string category(erasure_key_category);
    const std::string name(erasure_key_name);
    StatedCredential stated{category, name, key};
    co_await vault.add(tenant, std::move(stated));
    const Secret kept = co_await vault.find(tenant, category, name);
    co_return kept.reveal() == key.reveal();
}

Task<Secret> ensure_erasure_key(Database& database, PostgresVault& vault, TenantId tenant, Random& random) {
    const std::string category(erasure_key_category);
    const std::string name(erasure_key_name);
    Secret known = co_await vault.find(tenant, category, name);
    if (!known.empty()) co_return known;
    // somebody else may be drawing one, too: the first one stays
    co_await restore_erasure_key(database, vault, tenant, Secret(random.hex(32)));
    co_return co_await vault.find(tenant, category, name);
}

Task<ErasureNote> note_erasure(Database& database, ErasureNote note, std::string contact) {
    std::string request = JsonObject()
                              .text("erasure", note.erasure)
                              .text_if_any("contact", contact)
                              .time("erased_at", note.erased_at)
                              .text("by", note.by)
                              .raw("marks", json_texts(note.marks))
                              .str();
    const Json begun = Json::parse(co_await database.call("begin_erasure", note.tenant, std::move(request)));
    note.erasure = begun.text("erasure");
    note.erased_at = begun.time("erased_at");
    co_return note;
}

Task<ErasureNote> begin_erasure(Database& database, ErasureNote note, std::vector<Alias> aliases, Secret key,
                                std::string contact) {
    const std::size_t known = note.marks.size();
    for (const auto& alias : aliases) {
        std::string its_mark = name_mark(key, alias.value);
        if (std::ranges::find(note.marks, its_mark) == note.marks.end()) {
            note.marks.push_back(std::move(its_mark));
        }
    }
    if (known > 0 && note.marks.size() == known) co_return note;
    co_return co_await note_erasure(database, note, std::move(contact));
}

Task<Result<Erased>> erase_person(Database& database, ErasureNote note, KnownPerson person, Secret key,
                                  TellNoted noted, TellLooked tell) {
    note = co_await begin_erasure(database, note, person.aliases, key, person.contact);
    noted(note);
    std::int64_t archived = co_await drop_archived(database, note, person.aliases, key, tell);
    std::map<std::string, std::string> events;  // marks by message
    for (;;) {
        std::vector<std::string> marked;
        for (const auto& [message, its_mark] : events) {
            marked.push_back(JsonObject().text("message", message).text("mark", its_mark).str());
        }
        std::string request = person_request(person)
                                  .text("erasure", note.erasure)
                                  .raw("events", json_array(marked))
                                  .number("archived", archived)
                                  .str();
        const Json told =
            Json::parse(co_await database.call("erase_person", note.tenant, std::move(request)));
        if (!told["counts"].null()) {
            if (const SysTime all = told.time("erased_at"); all > note.erased_at) {
                note.erased_at = all;
                noted(note);
            }
            co_return Erased{note.erasure, note.erased_at, counts(told["counts"])};
        }
        if (!told["contacts"].null()) co_return too_many_contacts();
        const Json missing = told["unmarked"];
        for (const auto& event : missing["events"].items()) {
            events[event.text("message")] =
                event_mark(key, event.id<AccountId>("account"), event.text("event_id"));
        }
        std::vector<Alias> late = parse_aliases(missing["aliases"]);
        person.aliases.insert(person.aliases.end(), late.begin(), late.end());
        // they wrote for the first time while we looked
        if (const std::string met = told.text("contact"); !met.empty()) {
            person = co_await read_person(database, note.tenant, {}, met, false);
        }
        const std::size_t known = note.marks.size();
        note = co_await begin_erasure(database, note, person.aliases, key);
        if (note.marks.size() > known) noted(note);
        if (!late.empty()) archived += co_await drop_archived(database, note, std::move(late), key, tell);
    }
}

Task<std::optional<Erased>> find_erasure(Database& database, TenantId tenant, Secret key, std::string name) {
    std::string request = JsonObject().text("mark", name_mark(key, name)).str();
    const Json found = co_await ask(database, "find_erasure", tenant, std::move(request));
    if (found.null()) co_return std::nullopt;
    co_return Erased{found.text("erasure"), found.time("erased_at"), counts(found["counts"])};
}

Task<std::vector<std::string>> unknown_erasures(Database& database, TenantId tenant,
                                                std::vector<ErasureNote> notes) {
    std::vector<std::string> items;
    for (const auto& note : notes) {
        items.push_back(JsonObject().text("erasure", note.erasure).time("erased_at", note.erased_at).str());
    }
    std::string request = JsonObject().raw("erasures", json_array(items)).str();
    co_return (co_await ask(database, "unknown_erasures", tenant, std::move(request))).texts();
}

Task<std::vector<ErasureNote>> open_erasures(Database& database, TenantId tenant) {
    const Json open = Json::parse(co_await database.call("open_erasures", tenant, "{}"));
    std::vector<ErasureNote> notes;
    for (const auto& row : open.items()) {
        notes.push_back(
            {tenant, row.text("erasure"), row.time("erased_at"), row.text("by"), row["marks"].texts()});
    }
    co_return notes;
}

Task<std::int64_t> finish_erasures(Database& database, TenantId tenant, std::vector<ErasureNote> open,
                                   Secret key, TellNoted noted) {
    std::map<std::string, const ErasureNote*> wanted;
    for (const auto& note : open) {
        for (const auto& its_mark : note.marks) wanted[its_mark] = &note;
    }
    std::map<const ErasureNote*, std::set<std::string>> found;  // contacts
    std::string after;
    for (;;) {
        std::string request = JsonObject().number("limit", aliases_at_once).raw("after", after).str();
        const Json page = Json::parse(co_await database.call("list_aliases", tenant, std::move(request)));
        const auto rows = page.items();
        for (const auto& row : rows) {
            const auto match = wanted.find(name_mark(key, row.text("value")));
            // who is new since then is somebody new
            if (match == wanted.end() || row.time("created") > match->second->erased_at) continue;
            found[match->second].insert(row.text("contact"));
        }
        if (rows.size() < static_cast<std::size_t>(aliases_at_once)) break;
        after = json_array({json_text(rows.back().text("value")), json_text(rows.back().text("kind"))});
    }
    for (const auto& note : open) {
        if (const auto its = found.find(&note); its != found.end()) {
            // and nobody else: in a database that was restored others may have a number of theirs again
            KnownPerson person{{}, {}, {}, {its->second.begin(), its->second.end()}};
            std::string names = JsonObject().raw("contacts", json_texts(person.contacts)).str();
            person.aliases =
                parse_aliases(Json::parse(co_await database.call("read_names", tenant, std::move(names))));
            const auto erased = co_await erase_person(database, note, person, key, noted, [](double) {});
            if (!erased) throw Failure(erased.error());
        } else {
            noted(note);  // nobody of it is here
        }
        std::string request = JsonObject().text("erasure", note.erasure).str();
        co_await database.call("end_erasure", tenant, std::move(request));
    }
    co_return static_cast<std::int64_t>(open.size());
}

}  // namespace relevo
