#include "cli/dead_text.hpp"

#include <fmt/format.h>

#include "cli/moments.hpp"
#include "core/json_object.hpp"
#include "core/trace.hpp"

namespace relevo {
namespace {

constexpr std::size_t key_width = 44;  // tenant:conversation

std::string cut(const std::string& text, std::size_t width) {
    return text.size() <= width ? text : text.substr(0, width - 3) + "...";
}

std::string shop_of(const Letter& letter) {
    return letter.slug.empty() ? "-" : letter.slug;
}

}  // namespace

std::string letter_json(const Letter& letter) {
    JsonObject out;
    out.number("id", letter.id)
        .number("tenant", letter.tenant.value)
        .text("slug", letter.slug)
        .text("stage", letter.stage)
        .text("code", letter.code)
        .text("text", letter.text)
        .text("topic", letter.topic)
        .number("partition", letter.partition)
        .number("offset", letter.offset)
        .text("key", letter.key)
        .number("attempts", letter.attempts)
        .text("at", to_iso8601(letter.at))
        .text("status", letter.status);
    if (letter.status_at) out.text("status_at", to_iso8601(*letter.status_at));
    out.text_if_any("status_by", letter.status_by).text_if_any("reason", letter.reason);
    if (letter.edited_at) out.text("edited_at", to_iso8601(*letter.edited_at));
    out.text_if_any("edited_by", letter.edited_by);
    if (letter.expires) out.text("expires", to_iso8601(*letter.expires));
    return out.number("bytes", letter.bytes)
        .raw("about", letter.about)
        .text_if_any("trace", trace_id(letter.traceparent))
        .number("earlier", letter.earlier)
        .str();
}

std::string letters_table(const std::vector<Letter>& letters) {
    std::string out = fmt::format("{:>7}  {:<24}  {:<14} {:<9} {:<26} {:<21} {}\n", "id", "at", "shop",
                                  "stage", "code", "topic", "key");
    for (const auto& letter : letters) {
        out += fmt::format("{:>7}  {:<24}  {:<14} {:<9} {:<26} {:<21} {}{}\n", letter.id,
                           to_iso8601(letter.at), shop_of(letter), letter.stage, letter.code, letter.topic,
                           cut(letter.key, key_width), letter.status == "dead" ? "" : "  " + letter.status);
    }
    return out;
}

std::string letter_page(const Letter& letter, SysTime now) {
    std::string out;
    const auto line = [&out](std::string_view name, const std::string& value) {
        if (!value.empty()) out += fmt::format("{:<10} {}\n", name, value);
    };
    line("letter", std::to_string(letter.id));
    line("status", letter.status_at
                       ? fmt::format("{} at {} by {}{}", letter.status, to_iso8601(*letter.status_at),
                                     letter.status_by, letter.reason.empty() ? "" : ": " + letter.reason)
                       : letter.status);
    line("code", letter.code);
    line("text", letter.text);
    line("stage",
         fmt::format("{}, after {} attempt{}, {} ago ({})", letter.stage, letter.attempts,
                     letter.attempts == 1 ? "" : "s", human_span(now - letter.at), to_iso8601(letter.at)));
    line("record", fmt::format("{} partition {} offset {}, {} bytes", letter.topic, letter.partition,
                               letter.offset, letter.bytes));
    line("key", letter.key);
    line("shop", shop_of(letter));
    line("about", letter.about == "{}" ? "not readable" : letter.about);
    line("trace", std::string(trace_id(letter.traceparent)));
    if (letter.expires) {
        line("expires",
             fmt::format("{}{}", to_iso8601(*letter.expires),
                         *letter.expires < now ? ": over; a retry needs --extend to be answered" : ""));
    }
    if (letter.edited_at) line("edited", to_iso8601(*letter.edited_at) + " by " + letter.edited_by);
    if (letter.earlier > 0) {
        line("order", fmt::format("{} earlier of its key {} dead too and go first", letter.earlier,
                                  letter.earlier == 1 ? "is" : "are"));
    }
    return out;
}

std::string unknown_accounts_json(const std::vector<UnknownAccount>& accounts) {
    std::vector<std::string> items;
    for (const auto& account : accounts) {
        items.push_back(JsonObject()
                            .text("channel", account.channel)
                            .text("account", account.account)
                            .number("letters", account.letters)
                            .number("contacts", account.contacts)
                            .text("first", to_iso8601(account.first))
                            .text("last", to_iso8601(account.last))
                            .str());
    }
    return json_array(items);
}

std::string unknown_accounts_table(const std::vector<UnknownAccount>& accounts) {
    std::string out = fmt::format("{:<10} {:<24} {:>8} {:>9}  {:<24}  {}\n", "channel", "account", "letters",
                                  "contacts", "first", "last");
    for (const auto& account : accounts) {
        out += fmt::format("{:<10} {:<24} {:>8} {:>9}  {:<24}  {}\n", account.channel,
                           account.account.empty() ? "(of its address)" : account.account,
                           human_count(account.letters), human_count(account.contacts),
                           to_iso8601(account.first), to_iso8601(account.last));
    }
    return out + "relevo shops apply of a file with the account redrives them by itself\n";
}

}  // namespace relevo
