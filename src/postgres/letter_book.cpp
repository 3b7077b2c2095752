#include "postgres/operator_books.hpp"

#include <sodium.h>

#include "core/await.hpp"
#include "core/error.hpp"
#include "core/json_object.hpp"
#include "postgres/operator_session.hpp"

namespace relevo {
namespace {

std::string from_base64(const std::string& text) {
    std::string bytes(text.size(), '\0');
    std::size_t size = 0;
    // PostgreSQL breaks base64 into lines
    if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                          text.size(), "\n", &size, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0) {
        throw Failure({Fault::permanent, "postgres.rejected", "letter_value: no base64"});
    }
    bytes.resize(size);
    return bytes;
}

std::string to_base64(const std::string& bytes) {
    std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                      bytes.size(), sodium_base64_VARIANT_ORIGINAL);
    text.pop_back();  // its terminating zero
    return text;
}

std::string ids_json(const std::vector<std::int64_t>& ids) {
    std::vector<std::string> items;
    for (const auto id : ids) items.push_back(std::to_string(id));
    return json_array(items);
}

std::string filter_json(const LetterFilter& filter, std::int64_t after, int limit) {
    JsonObject out;
    if (!filter.ids.empty()) out.raw("ids", ids_json(filter.ids));
    if (filter.unknown_accounts) out.flag("unknown_accounts", true);
    return out.text_if_any("stage", filter.stage)
        .text_if_any("code", filter.code)
        .text_if_any("tenant", filter.tenant)
        .text_if_any("topic", filter.topic)
        .text_if_any("key", filter.key)
        .text_if_any("status", filter.status)
        .time("since", filter.since)
        .time("until", filter.until)
        .number("after", after)
        .number("limit", limit)
        .str();
}

Letter parse_letter(const Json& row) {
    Letter letter;
    letter.id = row.number("id");
    letter.tenant = {row.number("tenant")};
    letter.slug = row.text("slug");
    letter.stage = row.text("stage");
    letter.topic = row.text("topic");
    letter.partition = static_cast<std::int32_t>(row.number("partition"));
    letter.offset = row.number("offset");
    letter.key = row.text("key");
    letter.code = row.text("code");
    letter.text = row.text("text");
    letter.attempts = static_cast<int>(row.number("attempts"));
    letter.at = row.time("at");
    letter.status = row.text("status");
    letter.status_at = row.time_if_any("status_at");
    letter.status_by = row.text("status_by");
    letter.reason = row.text("reason");
    letter.edited_at = row.time_if_any("edited_at");
    letter.edited_by = row.text("edited_by");
    letter.bytes = row.number("bytes");
    letter.about = row["about"].source();
    letter.traceparent = row.text("traceparent");
    letter.expires = from_iso8601(row.text("expires"));
    letter.earlier = row.number("earlier");
    return letter;
}

class PostgresLetterBook final : public LetterBook {
  public:
    PostgresLetterBook(OperatorUrls urls, DatabaseConfig changes)
        : urls_(std::move(urls)), changes_(std::move(changes)) {}

    std::vector<Letter> list(const LetterFilter& filter, std::int64_t after, int limit) override {
        std::vector<Letter> letters;
        OperatorSession session = reader();
        session.require_shop(filter.tenant);
        for (const auto& row : session.ask("list_letters", filter_json(filter, after, limit)).items()) {
            letters.push_back(parse_letter(row));
        }
        return letters;
    }

    std::vector<UnknownAccount> unknown_accounts() override {
        std::vector<UnknownAccount> accounts;
        for (const auto& row : reader().ask("unknown_accounts", "{}").items()) {
            accounts.push_back({row.text("channel"), row.text("account"), row.number("letters"),
                                row.number("contacts"), row.time("first"), row.time("last")});
        }
        return accounts;
    }

    std::string value(std::int64_t id) override {
        OperatorSession session(urls_.text, operator_text_setting);
        const Json found = session.ask("letter_value", JsonObject().number("id", id).str());
        if (found.null()) {
            throw Failure(
                {Fault::permanent, "dead.unknown", "there is no dead letter " + std::to_string(id)});
        }
        return from_base64(found.items().front().text());
    }

    std::vector<RefusedLetter> redrive(TenantId tenant, const std::vector<std::int64_t>& ids,
                                       const std::string& by, std::optional<SysTime> expires,
                                       SysTime now) override {
        std::string request = JsonObject()
                                  .raw("ids", ids_json(ids))
                                  .text("by", by)
                                  .time("expires", expires)
                                  .time("now", now)
                                  .str();
        std::vector<RefusedLetter> refused;
        for (const auto& row : change("redrive_letters", tenant, std::move(request)).items()) {
            refused.push_back({row.number("id"), row.text("why")});
        }
        return refused;
    }

    std::int64_t drop(TenantId tenant, const std::vector<std::int64_t>& ids, const std::string& by,
                      const std::string& reason, SysTime now) override {
        std::string request = JsonObject()
                                  .raw("ids", ids_json(ids))
                                  .text("by", by)
                                  .text("reason", reason)
                                  .time("now", now)
                                  .str();
        return static_cast<std::int64_t>(change("drop_letters", tenant, std::move(request)).items().size());
    }

    bool edit(TenantId tenant, std::int64_t id, const std::string& value, const std::string& by,
              SysTime now) override {
        std::string request = JsonObject()
                                  .number("id", id)
                                  .text("value_base64", to_base64(value))
                                  .text("by", by)
                                  .time("now", now)
                                  .str();
        return change("edit_letter", tenant, std::move(request)).flag();
    }

  private:
    // A snapshot each: what was redriven in between must show.
    OperatorSession reader() const { return OperatorSession(urls_.plain, operator_setting); }

    Json change(std::string op, TenantId tenant, std::string request) {
        if (!database_) database_ = std::make_unique<Database>(changes_);
        return Json::parse(await(database_->call(std::move(op), tenant, std::move(request))));
    }

    OperatorUrls urls_;
    DatabaseConfig changes_;
    std::unique_ptr<Database> database_;
};

}  // namespace

std::unique_ptr<LetterBook> make_letter_book(OperatorUrls urls, DatabaseConfig changes) {
    return std::make_unique<PostgresLetterBook>(std::move(urls), std::move(changes));
}

}  // namespace relevo
