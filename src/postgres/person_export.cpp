#include "postgres/person_export.hpp"

#include <algorithm>

#include "core/json_object.hpp"
#include "postgres/operator_books.hpp"
#include "postgres/operator_session.hpp"

namespace relevo {
namespace {

constexpr int rows_at_once = 500;
constexpr std::int64_t pages_at_once = 1'000;

// An array's elements, with commas between them.
class Rows {
  public:
    Rows(const std::string& name, const WriteText& out) : out_(out) { out_(",\n" + json_text(name) + ":["); }
    void add(const Json& row) {
        out_(first_ ? "\n" : ",\n");
        first_ = false;
        out_(row.source());
    }
    void end() { out_("]"); }

  private:
    const WriteText& out_;
    bool first_ = true;
};

// What a message says of a file that came with it: {"message", "type", "file"}.
void note_files(const Json& message, std::vector<std::string>& files) {
    const std::string type = message.text("type");
    static constexpr std::string_view kinds[] = {"image",     "audio", "voice",   "video",    "video_note",
                                                 "animation", "photo", "sticker", "document", "paid_media"};
    if (std::ranges::find(kinds, type) == std::end(kinds)) return;
    files.push_back(JsonObject()
                        .text("message", message.text("id"))
                        .text("type", type)
                        .raw("file", message["metadata"][type].source())
                        .str());
}

}  // namespace

void export_person(const Secret& url, TenantId tenant, const std::string& shop, const std::string& contact,
                   const WriteText& out) {
    OperatorSession session(url, operator_text_setting);
    const Json person = session.ask(
        "export_person", JsonObject().number("tenant", tenant.value).text("contact", contact).str());
    const auto contacts = person["contacts"].texts();
    if (contacts.size() > most_contacts_of_person) throw Failure(too_many_contacts());
    out("{\"shop\":" + json_text(shop) + ",\"contact\":" + json_text(contact));
    std::vector<std::string> files;
    for (const auto& table : person["tables"].items()) {
        Rows rows(table.text(), out);
        std::string after;
        do {
            const Json page = session.ask("export_page", JsonObject()
                                                             .number("tenant", tenant.value)
                                                             .text("contact", contact)
                                                             .text("table", table.text())
                                                             .text("after", after)
                                                             .number("limit", rows_at_once)
                                                             .str());
            for (const auto& row : page["rows"].items()) {
                rows.add(row);
                if (table.text() == "messages") note_files(row, files);
            }
            after = page.text("after");
        } while (!after.empty());
        rows.end();
    }
    std::vector<std::string> names;
    for (const auto& alias : person["aliases"].items()) names.push_back(json_text(alias.text("value")));
    Rows archived("archive", out);
    for (std::int64_t from = 0; from < person.number("pages"); from += pages_at_once) {
        const Json page = session.ask("export_archived", JsonObject()
                                                             .number("tenant", tenant.value)
                                                             .raw("names", json_array(names))
                                                             .number("from", from)
                                                             .number("to", from + pages_at_once)
                                                             .str());
        for (const auto& row : page.items()) archived.add(row);
    }
    archived.end();
    // the providers keep the files themselves
    out(",\n\"files\":" + json_array(files) + "}\n");
}

}  // namespace relevo
