#include <rapidjson/document.h>

#include "channels/whatsapp_parse.hpp"
#include "core/utf8.hpp"
#include "tests/fuzz/webhook_entries.hpp"

using namespace relevo;
using namespace relevo::fuzz;

namespace {

const rapidjson::Value* list(const rapidjson::Value& object, const char* name) {
    if (!object.IsObject()) return nullptr;
    const auto found = object.FindMember(name);
    return found != object.MemberEnd() && found->value.IsArray() ? &found->value : nullptr;
}

/// How many things Meta told us of: each must come out as an event or as a receipt.
std::size_t parts_of(const rapidjson::Value& root) {
    const auto* entries = list(root, "entry");
    if (!entries || entries->Empty()) return 1;
    std::size_t parts = 0;
    for (const auto& entry : entries->GetArray()) {
        const auto* changes = list(entry, "changes");
        if (!changes || changes->Empty()) {
            ++parts;
            continue;
        }
        for (const auto& change : changes->GetArray()) {
            std::size_t in_change = 0;
            const bool messages =
                change.IsObject() && change.HasMember("field") && change["field"] == "messages";
            if (messages && change.HasMember("value")) {
                for (const auto* name : {"messages", "statuses", "errors"}) {
                    if (const auto* items = list(change["value"], name)) in_change += items->Size();
                }
            }
            parts += in_change > 0 ? in_change : 1;
        }
    }
    return parts;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto body = text_of(data, size);
    const auto parsed = parse_whatsapp(body);
    if (!parsed) {
        require(parsed.error().code == "webhook.bad_json", "only what is no JSON is refused");
        return 0;
    }
    require_sound(*parsed, "whatsapp");
    require_equal(*parsed, *parse_whatsapp(body));
    rapidjson::Document json;
    const std::string clean = clean_json_escapes(clean_utf8(body));
    json.Parse<rapidjson::kParseIterativeFlag>(clean.data(), clean.size());
    if (json.HasParseError() || clean.find_first_of("[{") == std::string::npos) return 0;
    const auto nested =
        std::count_if(clean.begin(), clean.end(), [](char c) { return c == '[' || c == '{'; });
    if (nested > 64)
        return 0;  // it may be nested too deeply to be looked into: then it is archived as a whole
    require(parsed->inbound.size() + parsed->receipts.size() >= parts_of(json), "no part is lost");
    return 0;
}
