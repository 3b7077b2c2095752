#include <doctest/doctest.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <set>
#include <string>
#include <vector>

#include "channels/whatsapp_parse.hpp"
#include "core/random.hpp"
#include "whatsapp_payloads.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using Value = rapidjson::Value;

// Each message's words name it, so that a message is found wherever it ended up.
std::string rich_webhook() {
    const auto message = [](int n) {
        const std::string number = std::to_string(n);
        return R"({"from":"54911000)" + number + R"(","id":"wamid.)" + number +
               R"(","timestamp":"1795262400","type":"text","text":{"body":"words-)" + number + R"(."}})";
    };
    const std::string first = messages_change(
        R"("contacts":[{"wa_id":"549110001","profile":{"name":"One"}},{"user_id":"AR.2","profile":{}}],"messages":[)" +
        message(1) + "," + message(2) + "," + message(3) + "]");
    const std::string second = messages_change(
        R"("messages":[)" + message(4) +
        R"(],"statuses":[{"id":"wamid.S1","status":"failed","errors":[{"code":1,"title":"words-5."}]}],"errors":[{"code":1,"title":"words-6."}])");
    const std::string echo =
        R"({"field":"smb_message_echoes","value":{"metadata":{"phone_number_id":"1"},"message_echoes":[)"
        R"({"to":"549","id":"wamid.E","type":"text","text":{"body":"words-7."}}]}})";
    const std::string history =
        R"({"field":"history","value":{"messages":[{"id":"wamid.H","type":"text","text":{"body":"words-8."}}]}})";
    return R"({"object":"whatsapp_business_account","entry":[{"id":"1","changes":[)" + first + "," + second +
           R"(]},{"id":"2","changes":[)" + echo + "," + history + "]}]}";
}

void collect(Value& value, std::vector<Value*>& nodes) {
    if (value.IsObject()) {
        for (auto& member : value.GetObject()) {
            nodes.push_back(&member.value);
            collect(member.value, nodes);
        }
    } else if (value.IsArray()) {
        for (auto& item : value.GetArray()) {
            nodes.push_back(&item);
            collect(item, nodes);
        }
    }
}

void replace(Value& node, SeededRandom& random, rapidjson::Document::AllocatorType& memory) {
    switch (random.below(9)) {
        case 0:
            node.SetNull();
            break;
        case 1:
            node.SetInt(7);
            break;
        case 2:
            node.SetDouble(1e300);
            break;
        case 3:
            node.SetBool(true);
            break;
        case 4:
            node.SetString("", 0, memory);
            break;
        case 5:
            node.SetString("edit", 4, memory);
            break;
        case 6:
            node.SetObject();
            break;
        case 7:
            node.SetArray();
            break;
        default: {
            Value inner(node, memory);
            node.SetArray();
            node.PushBack(inner, memory);
        }
    }
}

std::string text_of(const rapidjson::Document& document) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    document.Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
}

std::set<std::string> words_in(const std::string& text) {
    std::set<std::string> words;
    for (auto at = text.find("words-"); at != std::string::npos; at = text.find("words-", at + 1)) {
        words.insert(text.substr(at, text.find('.', at) - at));
    }
    return words;
}

std::set<std::string> words_kept(const Parsed& parsed) {
    std::string all;
    for (const auto& inbound : parsed.inbound) all += inbound.text + inbound.raw + inbound.metadata;
    for (const auto& receipt : parsed.receipts) all += receipt.text;
    return words_in(all);
}

int messages_in(const Parsed& parsed) {
    int count = 0;
    for (const auto& inbound : parsed.inbound) count += inbound.kind == InboundKind::message;
    return count;
}

}  // namespace

TEST_CASE("whatever node of a webhook is replaced, nothing that it still says is lost") {
    const std::string original = rich_webhook();
    REQUIRE(words_kept(parse_whatsapp(original).value()).size() == 8);
    REQUIRE(messages_in(parse_whatsapp(original).value()) == 4);
    SeededRandom random(20'261'121);
    for (int round = 0; round < 20'000; ++round) {
        rapidjson::Document document;
        document.Parse(original.c_str());
        std::vector<Value*> nodes;
        collect(document, nodes);
        replace(*nodes[random.below(nodes.size())], random, document.GetAllocator());
        const std::string mutated = text_of(document);
        CAPTURE(mutated);
        const auto parsed = parse_whatsapp(mutated);
        REQUIRE(parsed.has_value());
        // A status whose errors changed shape says less, and is a receipt all the same.
        auto said = words_in(mutated);
        said.erase("words-5");
        const auto kept = words_kept(*parsed);
        for (const auto& words : said) {
            CAPTURE(words);
            REQUIRE(kept.contains(words));
        }
        for (const auto& inbound : parsed->inbound) {
            REQUIRE_FALSE(inbound.event_id.empty());
            REQUIRE(
                (inbound.kind == InboundKind::archived ? !inbound.raw.empty() : !inbound.aliases.empty()));
        }
    }
}

TEST_CASE("a message whose own change is untouched stays a message, whatever happens to another") {
    const std::string original = rich_webhook();
    SeededRandom random(3);
    for (int round = 0; round < 5'000; ++round) {
        rapidjson::Document document;
        document.Parse(original.c_str());
        auto& changes = document["entry"][0]["changes"];
        std::vector<Value*> nodes;
        collect(changes[0], nodes);
        replace(*nodes[random.below(nodes.size())], random, document.GetAllocator());
        const std::string mutated = text_of(document);
        CAPTURE(mutated);
        const auto parsed = parse_whatsapp(mutated);
        REQUIRE(parsed.has_value());
        bool found = false;
        for (const auto& inbound : parsed->inbound) {
            found |= inbound.kind == InboundKind::message && inbound.event_id == "wamid.4" &&
                     inbound.text == "words-4.";
        }
        REQUIRE(found);
    }
}

TEST_CASE("bytes that were cut or flipped are parsed or refused, and never worse") {
    const std::string original = rich_webhook();
    SeededRandom random(5);
    for (int round = 0; round < 5'000; ++round) {
        std::string bytes = original;
        for (std::uint64_t i = random.below(4) + 1; i > 0; --i) {
            bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
        }
        if (random.below(3) == 0) bytes.resize(random.below(bytes.size()));
        const auto parsed = parse_whatsapp(bytes);
        if (!parsed) REQUIRE(parsed.error().code == "webhook.bad_json");
    }
}
