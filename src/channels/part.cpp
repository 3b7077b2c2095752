#include "channels/part.hpp"

#include "core/digest.hpp"

namespace relevo {
namespace {

constexpr std::size_t longest_identifier = 512;
constexpr std::int64_t year_10000 = 253'402'300'800;

}  // namespace

std::string identifier(JsonNode id) {
    std::string text = id.text();
    return text.size() > longest_identifier ? std::string() : text;
}

std::string event_id(JsonNode id, JsonNode part) {
    std::string known = identifier(id);
    return known.empty() ? "sha256:" + sha256_hex(part.dump()) : known;
}

std::optional<SysTime> unix_seconds(JsonNode seconds) {
    const auto count = seconds.whole();
    if (!count || *count <= 0 || *count >= year_10000) return std::nullopt;
    return from_millis(*count * 1'000);
}

Inbound archived(std::string account, std::string event_id, std::string type, JsonNode part) {
    Inbound inbound;
    inbound.kind = InboundKind::archived;
    inbound.account = std::move(account);
    inbound.event_id = std::move(event_id);
    inbound.type = std::move(type);
    inbound.raw = part.dump();
    return inbound;
}

std::string in_brackets(std::string_view what, std::initializer_list<std::string> details) {
    std::string text = "[" + std::string(what);
    bool first = true;
    for (const auto& detail : details) {
        if (detail.empty()) continue;
        text += first ? ": " : ", ";
        text += detail;
        first = false;
    }
    return text + "]";
}

}  // namespace relevo
