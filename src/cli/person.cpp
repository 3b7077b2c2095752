#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fstream>

#include "cli/commands.hpp"
#include "cli/moments.hpp"
#include "cli/progress.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

struct PersonOptions {
    std::string shop;
    std::string who;
    std::string file;
    bool yes = false;
};

std::string rows_json(const std::map<std::string, std::int64_t>& rows) {
    JsonObject json;
    for (const auto& [table, count] : rows) json.number(table, count);
    return json.str();
}

std::string person_json(const KnownPerson& person, bool dry_run, const Erased& erased) {
    std::vector<std::string> aliases;
    for (const auto& alias : person.aliases) {
        aliases.push_back(JsonObject().text("kind", alias.kind).text("value", alias.value).str());
    }
    JsonObject json;
    json.flag("dry_run", dry_run)
        .text_if_any("contact", person.contact)
        .raw("contacts", json_texts(person.contacts))
        .raw("aliases", json_array(aliases))
        .raw("rows", rows_json(dry_run ? person.rows : erased.rows));
    if (!dry_run) json.text("erasure", erased.erasure).time("erased_at_ms", erased.erased_at);
    return json.str();
}

void print_rows(const std::map<std::string, std::int64_t>& rows) {
    for (const auto& [table, count] : rows) {
        if (count > 0) fmt::print("  {:<14} {}\n", table, human_count(count));
    }
}

void print_person(const KnownPerson& person) {
    if (person.contact.empty()) {
        fmt::print("nobody is known by that name\n");
    } else {
        std::vector<std::string> names;
        for (const auto& alias : person.aliases) {
            if (alias.kind != "contact") names.push_back(alias.value);
        }
        fmt::print("contact {}, known as {}\n", person.contact, fmt::join(names, ", "));
        for (const auto& other : person.contacts) {
            if (other != person.contact) fmt::print("with contact {}, who shares one of these\n", other);
        }
    }
    print_rows(person.rows);
}

int erase(const Commands& commands, const PersonOptions& options) {
    const PersonName name = parse_person(options.who);
    const auto book = commands.backend().persons(commands.config());
    const KnownPerson person = book->find(options.shop, name);
    if (!commands.json()) print_person(person);
    if (!options.yes) {
        if (commands.json()) {
            fmt::print("{}\n", person_json(person, true, {}));
        } else {
            fmt::print(
                "and what names them in the archive of unknown webhooks. Nothing was erased; --yes does it, "
                "for good. What they write from then on is somebody new's\n");
        }
        return 0;
    }
    const Erased erased = [&] {
        Progress progress;
        return book->erase(options.shop, name, commands.backend().user, [&](double done) {
            progress.tell(fmt::format("archive looked through: {:3.0f} %", done * 100));
        });
    }();
    if (commands.json()) {
        fmt::print("{}\n", person_json(person, false, erased));
        return 0;
    }
    fmt::print("erased as {}, with all that was written up to {}:\n", erased.erasure,
               to_iso8601(erased.erased_at));
    print_rows(erased.rows);
    fmt::print("the log still has what they wrote until its retention is over; nothing makes rows of it\n");
    return 0;
}

int write(const Commands& commands, const PersonOptions& options) {
    const PersonName name = parse_person(options.who);
    commands.backend().check_text_right(commands.config());
    const auto book = commands.backend().persons(commands.config());
    if (options.file.empty()) {
        book->write(options.shop, name, [](std::string_view text) { fmt::print("{}", text); });
        return 0;
    }
    std::ofstream out(options.file, std::ios::binary | std::ios::trunc);
    book->write(options.shop, name, [&](std::string_view text) {
        out.write(text.data(), static_cast<std::streamsize>(text.size()));
    });
    out.close();
    if (!out) throw Failure({Fault::permanent, "person.not_written", options.file + " could not be written"});
    return 0;
}

int reapply(const Commands& commands) {
    const std::int64_t applied = commands.backend().persons(commands.config())->reapply();
    if (commands.json()) {
        fmt::print("{}\n", JsonObject().number("applied", applied).str());
    } else {
        fmt::print("{}\n", applied == 0 ? "the database knows every erasure, and none is open"
                                        : fmt::format("erasures applied: {}", human_count(applied)));
    }
    return 0;
}

}  // namespace

void add_person(Commands& commands) {
    auto options = std::make_shared<PersonOptions>();
    auto* group = commands.add_group("person", "A customer's rights: everything erased, or handed out");
    auto* erasing = commands.add(*group, "erase",
                                 "Erase everything of a person, under every name; shows first what there is. "
                                 "What they wrote does not come back, whoever sends it again; what they "
                                 "write while it runs goes with the rest",
                                 "person erase myshop whatsapp:+5491155550001 --yes",
                                 [&commands, options] { return erase(commands, *options); });
    auto* writing = commands.add(*group, "export",
                                 "All that is kept of a person, as one JSON document; their files, which the "
                                 "provider has, are listed. Needs postgres.operator_text_url",
                                 "person export myshop whatsapp:+5491155550001 --to person.json",
                                 [&commands, options] { return write(commands, *options); });
    for (auto* command : {erasing, writing}) {
        command->add_option("shop", options->shop, "Its slug")->required();
        command
            ->add_option("who", options->who, "The contact's id, or channel:address, as telegram:123456789")
            ->required();
    }
    erasing->add_flag("-y,--yes", options->yes, "Do it");
    writing->add_option("--to", options->file, "A file, instead of standard output");
    auto* reapplying = commands.add(*group, "reapply",
                                    "After a backup was restored: erase again who was erased since, by the "
                                    "log's list; every start does it too",
                                    "person reapply", [&commands] { return reapply(commands); });
    for (auto* command : {erasing, reapplying}) commands.takes_json(command);
}

}  // namespace relevo
