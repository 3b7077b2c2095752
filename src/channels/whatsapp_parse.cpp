#include "channels/whatsapp_parse.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "channels/json.hpp"
#include "channels/part.hpp"
#include "channels/whatsapp_message.hpp"
#include "domain/redaction.hpp"

namespace relevo {
namespace {

/// A change's value, and what its parts share.
struct Change {
    std::string field;
    std::string account;
    JsonNode value;
};

void archive(const Change& change, std::string type, JsonNode part, Parsed& out) {
    out.inbound.push_back(archived(change.account, event_id(part["id"], part), std::move(type), part));
}

// Two letters, a dot and the rest ("AR.13491208655302741918") is a business-scoped id. It also stands where a
// phone number used to.
bool is_business_scoped(std::string_view id) {
    const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
    return id.size() > 3 && letter(id[0]) && letter(id[1]) && id[2] == '.';
}

// A number as short as it is written anywhere: mobile numbers of Argentina are written with and without a 9
// after 54, those of Brazil with and without one after the area code. There a landline begins with 2 to 5 and
// may differ from somebody's mobile number by that 9 alone.
std::string short_number(std::string digits) {
    if (digits.size() != 13) return digits;
    if (digits.starts_with("549")) digits.erase(2, 1);
    if (digits.starts_with("55") && digits[4] == '9' && digits[5] >= '6') digits.erase(4, 1);
    return digits;
}

/// Whoever is at the other end.
struct Person {
    std::string phone;
    std::string user;
    std::string name;

    Person(std::string phone_or_user, std::string user_id)
        : phone(std::move(phone_or_user)), user(std::move(user_id)) {
        if (is_business_scoped(phone)) {
            if (user.empty()) user = phone;
            phone.clear();
        }
        if (phone.starts_with('+')) phone.erase(0, 1);
    }

    // The phone number first: it is the name by which a contact from before 2026 is known. Its short form
    // last: whoever is met under either is one person, and is answered where they wrote from.
    std::vector<Alias> aliases() const {
        std::vector<Alias> aliases;
        if (!phone.empty()) aliases.push_back({"wa_id", phone});
        if (!user.empty()) aliases.push_back({"wa_user", user});
        if (const auto brief = short_number(phone); brief != phone) aliases.push_back({"wa_id", brief});
        return aliases;
    }
};

/// The person with what the change's contacts know of them, found by id: the contacts' order says nothing.
Person find_person(const Change& change, JsonNode phone, JsonNode user_id) {
    Person person(identifier(phone), identifier(user_id));
    for (const auto& contact : change.value["contacts"].items()) {
        const Person known(identifier(contact["wa_id"]), identifier(contact["user_id"]));
        const bool same = (!person.phone.empty() && person.phone == known.phone) ||
                          (!person.user.empty() && person.user == known.user);
        if (!same) continue;
        if (person.phone.empty()) person.phone = known.phone;
        if (person.user.empty()) person.user = known.user;
        person.name = contact["profile"]["name"].text();
        if (person.name.empty()) person.name = contact["profile"]["username"].text();
        break;
    }
    return person;
}

std::string shortest(std::string_view number) {
    std::string digits;
    std::ranges::copy_if(number, std::back_inserter(digits), [](char c) { return c >= '0' && c <= '9'; });
    return short_number(std::move(digits));
}

bool is_own_number(const Change& change, const std::string& from) {
    const JsonNode metadata = change.value["metadata"];
    const std::string own = shortest(metadata["display_phone_number"].text());
    return !from.empty() && (from == change.account || (!own.empty() && shortest(from) == own));
}

Inbound described(const Change& change, InboundKind kind, JsonNode message, std::string text) {
    Inbound inbound;
    inbound.kind = kind;
    inbound.account = change.account;
    inbound.event_id = event_id(message["id"], message);
    inbound.type = message["type"].text();
    inbound.text = std::move(text);
    inbound.sent_at = unix_seconds(message["timestamp"]);
    inbound.metadata = whatsapp_metadata(message);
    inbound.in_reply_to = identifier(message["context"]["id"]);
    return inbound;
}

bool is_in_group(JsonNode message) {
    return message["group_id"].has_value() || message["context"]["group_id"].has_value();
}

// A new phone number, told by a system message. Other system messages are no utterances.
bool read_changed_number(const Change& change, JsonNode message, Parsed& out) {
    const JsonNode system = message["system"];
    if (system["type"].text() != "user_changed_number") return false;
    const JsonNode former = message["from"].has_value() ? message["from"] : system["customer"];
    const JsonNode current = system["wa_id"].has_value() ? system["wa_id"] : system["new_wa_id"];
    const auto renamed_from = Person(identifier(former), {}).aliases();
    const auto renamed_to = Person(identifier(current), {}).aliases();
    if (renamed_from.empty() || renamed_to.empty()) return false;
    Inbound renamed = described(change, InboundKind::renamed, message, {});
    renamed.aliases = {renamed_from.front(), renamed_to.front()};
    out.inbound.push_back(std::move(renamed));
    return true;
}

void read_message(const Change& change, JsonNode message, Parsed& out) {
    const std::string type = message["type"].text();
    // A group's messages would look like the sender's private ones. The shop's own number is either our send
    // mirrored or the owner, whom smb_message_echoes reports as well: a take-over by mistake would silence
    // the agent, so only that field makes one.
    if (is_in_group(message) || is_own_number(change, message["from"].text())) {
        return archive(change, type, message, out);
    }
    if (type == "system" && read_changed_number(change, message, out)) return;
    const Person person = find_person(change, message["from"], message["from_user_id"]);
    // An edit or a revoke changes what may have been answered already: kept, and no turn of its own.
    const auto text = whatsapp_text(message);
    if (!text || person.aliases().empty()) return archive(change, type, message, out);
    const bool reaction = type == "reaction";
    Inbound inbound =
        described(change, reaction ? InboundKind::reaction : InboundKind::message, message, *text);
    if (reaction) inbound.in_reply_to = identifier(message["reaction"]["message_id"]);
    inbound.aliases = person.aliases();
    inbound.name = person.name;
    out.inbound.push_back(std::move(inbound));
}

// Whatever the owner sends from the phone silences the agent, also what we cannot read. What only changes or
// decorates an earlier message does not.
void read_echo(const Change& change, JsonNode message, Parsed& out) {
    const std::string type = message["type"].text();
    const Person person = find_person(change, message["to"], message["to_user_id"]);
    const bool says_something = type != "edit" && type != "revoke" && type != "reaction";
    if (!says_something || is_in_group(message) || person.aliases().empty()) {
        return archive(change, type, message, out);
    }
    const auto text = whatsapp_text(message);
    Inbound echo = described(change, InboundKind::echo, message,
                             text.value_or("[" + (type.empty() ? "message" : type) + "]"));
    if (!text) echo.metadata = message.dump();
    echo.aliases = person.aliases();
    echo.name = person.name;
    out.inbound.push_back(std::move(echo));
}

std::optional<ReceiptStatus> receipt_status(std::string_view status) {
    if (status == "sent") return ReceiptStatus::sent;
    if (status == "delivered") return ReceiptStatus::delivered;
    if (status == "read" || status == "played") return ReceiptStatus::read;
    if (status == "failed") return ReceiptStatus::failed;
    return std::nullopt;
}

void read_status(const Change& change, JsonNode status, Parsed& out) {
    const auto known = receipt_status(status["status"].text());
    Receipt receipt;
    receipt.provider_id = identifier(status["id"]);
    if (!known || receipt.provider_id.empty()) {
        // The id is the message's: each of its statuses is an event of its own.
        out.inbound.push_back(archived(change.account, event_id({}, status), "status", status));
        return;
    }
    const JsonNode error = status["errors"].item(0);
    receipt.account = change.account;
    receipt.reply = identifier(status["biz_opaque_callback_data"]);
    receipt.status = *known;
    receipt.at = unix_seconds(status["timestamp"]);
    receipt.code = error["code"].text();
    receipt.text = error["title"].text();
    const std::string details = error["error_data"]["details"].text();
    if (!details.empty()) receipt.text += (receipt.text.empty() ? "" : ": ") + without_personal(details);
    out.receipts.push_back(std::move(receipt));
}

void read_renamed(const Change& change, JsonNode update, Parsed& out) {
    const std::string previous = identifier(update["user_id"]["previous"]);
    const std::string current = identifier(update["user_id"]["current"]);
    if (previous.empty() || current.empty()) return archive(change, change.field, update, out);
    Inbound renamed;
    renamed.kind = InboundKind::renamed;
    renamed.account = change.account;
    renamed.event_id = event_id({}, update);
    renamed.aliases = {{"wa_user", previous}, {"wa_user", current}};
    renamed.type = change.field;
    renamed.sent_at = unix_seconds(update["timestamp"]);
    out.inbound.push_back(std::move(renamed));
}

using ReadPart = void (*)(const Change&, JsonNode, Parsed&);

/// Whether `list` is there at all. What should be a list and is none is kept.
bool read_each(const Change& change, std::string_view type, JsonNode list, ReadPart read, Parsed& out) {
    if (!list.has_value()) return false;
    if (!list.is_array()) {
        archive(change, std::string(type), list, out);
        return true;
    }
    for (const auto& part : list.items()) {
        if (part.is_object()) {
            read(change, part, out);
        } else {
            archive(change, std::string(type), part, out);
        }
    }
    return !list.items().empty();
}

bool read_known_field(const Change& change, Parsed& out) {
    const JsonNode value = change.value;
    if (change.field == "messages") {
        const auto archive_error = [](const Change& of, JsonNode error, Parsed& to) {
            archive(of, "error", error, to);
        };
        bool any = read_each(change, "message", value["messages"], read_message, out);
        any |= read_each(change, "status", value["statuses"], read_status, out);
        any |= read_each(change, "error", value["errors"], archive_error, out);
        return any;
    }
    if (change.field == "smb_message_echoes") {
        return read_each(change, "echo", value["message_echoes"], read_echo, out);
    }
    if (change.field == "user_id_update") {
        const JsonNode list = value.is_array() ? value : value["user_id_update"];
        return read_each(change, "user_id_update", list, read_renamed, out);
    }
    return false;
}

void read_change(JsonNode node, Parsed& out) {
    const JsonNode value = node["value"];
    const Change change{node["field"].text(), identifier(value["metadata"]["phone_number_id"]), value};
    // history, calls, message_echoes (our own sends), account_update and all that Meta may add.
    if (!read_known_field(change, out)) archive(change, change.field, node, out);
}

}  // namespace

Result<Parsed> parse_whatsapp(std::string_view body) {
    const auto document = JsonDocument::parse(body);
    if (!document) return document.error();
    Parsed parsed;
    const JsonNode root = document->root();
    const Change whole;
    if (root["entry"].items().empty()) archive(whole, "webhook", root, parsed);
    for (const auto& entry : root["entry"].items()) {
        if (entry["changes"].items().empty()) archive(whole, "entry", entry, parsed);
        for (const auto& change : entry["changes"].items()) read_change(change, parsed);
    }
    return parsed;
}

}  // namespace relevo
