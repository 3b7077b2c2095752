#include "http/socket_packet.hpp"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <array>

#include "core/json_object.hpp"
#include "core/utf8.hpp"

namespace relevo {
namespace {

// Iterative: the client chooses how deep it nests.
constexpr unsigned parse_flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

bool well_formed(std::string_view json) {
    rapidjson::MemoryStream stream(json.data(), json.size());
    rapidjson::BaseReaderHandler<> ignore;
    rapidjson::Reader reader;
    // A NUL is the end to the reader: nobody has looked at what follows it.
    return !reader.Parse<parse_flags>(stream, ignore).IsError() && stream.Tell() == json.size();
}

constexpr std::string_view json_space = " \t\r\n";

char first_of(std::string_view json) {
    const auto at = json.find_first_not_of(json_space);
    return at == std::string_view::npos ? '\0' : json[at];
}

bool data_fits(SocketPacketType type, std::string_view data) {
    switch (type) {
        case SocketPacketType::connect:
            return data.empty() || (first_of(data) == '{' && well_formed(data));
        case SocketPacketType::disconnect:
            return data.empty();
        case SocketPacketType::event:
        case SocketPacketType::binary_event:
            return parse_socket_event(data).has_value();
        case SocketPacketType::ack:
        case SocketPacketType::binary_ack:
            return first_of(data) == '[' && well_formed(data);
        case SocketPacketType::connect_error:
            return first_of(data) == '{' && well_formed(data);
    }
    return false;
}

/// Takes the digits at the front; nothing where there are none or too many for a number that JavaScript
/// keeps.
std::optional<std::uint64_t> take_number(std::string_view& text) {
    std::uint64_t number = 0;
    std::size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
        number = number * 10 + static_cast<std::uint64_t>(text[digits] - '0');
        if (++digits > 15) return std::nullopt;
    }
    text.remove_prefix(digits);
    return digits > 0 ? std::optional(number) : std::nullopt;
}

/// One past the closing quote of the string literal that starts at `from` in well-formed JSON.
std::size_t end_of_string(std::string_view json, std::size_t from) {
    auto at = from + 1;
    while (json[at] != '"') at += json[at] == '\\' ? 2 : 1;
    return at + 1;
}

std::string unquoted(std::string_view literal) {
    struct Keep : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Keep> {
        std::string text;
        bool String(const char* data, rapidjson::SizeType size, bool) {
            text.assign(data, size);
            return true;
        }
    } keep;
    rapidjson::MemoryStream stream(literal.data(), literal.size());
    rapidjson::Reader().Parse<parse_flags>(stream, keep);
    return keep.text;
}

constexpr std::array reserved_names{"connect",       "connect_error", "disconnect",
                                    "disconnecting", "newListener",   "removeListener"};

}  // namespace

std::string encode_socket_packet(const SocketPacket& packet) {
    std::string out(1, static_cast<char>(packet.type));
    if (packet.name_space != "/") out += packet.name_space + ",";
    if (packet.id) out += std::to_string(*packet.id);
    return out + packet.data;
}

std::optional<SocketPacket> decode_socket_packet(std::string_view text) {
    if (text.empty() || text.front() < '0' || text.front() > '6') return std::nullopt;
    SocketPacket packet;
    packet.type = static_cast<SocketPacketType>(text.front());
    text.remove_prefix(1);
    if (packet.type == SocketPacketType::binary_event || packet.type == SocketPacketType::binary_ack) {
        if (!take_number(text) || !text.starts_with('-')) return std::nullopt;
        text.remove_prefix(1);
    }
    if (text.starts_with('/')) {
        const auto comma = text.find(',');
        // Clients may send a query with the namespace; it belongs to no name.
        const auto name = text.substr(0, comma);
        packet.name_space = std::string(name.substr(0, name.find('?')));
        text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    }
    if (!text.empty() && text.front() >= '0' && text.front() <= '9') {
        packet.id = take_number(text);
        if (!packet.id) return std::nullopt;
    }
    // A lone surrogate is what JavaScript makes of a cut emoji: no reason to end the conversation.
    packet.data = clean_json_escapes(text);
    if (!data_fits(packet.type, packet.data)) return std::nullopt;
    return packet;
}

std::optional<SocketEvent> parse_socket_event(std::string_view data) {
    if (first_of(data) != '[' || !well_formed(data)) return std::nullopt;
    const auto start = data.find_first_not_of(json_space, data.find('[') + 1);
    if (data[start] != '"') return std::nullopt;
    const auto end = end_of_string(data, start);
    SocketEvent event;
    event.name = unquoted(data.substr(start, end - start));
    if (std::ranges::find(reserved_names, event.name) != reserved_names.end()) return std::nullopt;
    const auto next = data.find_first_not_of(json_space, end);
    event.args = "[" + std::string(data.substr(data[next] == ',' ? next + 1 : next));
    return event;
}

std::string event_data(std::string_view name, std::string_view json_args) {
    std::string data = "[" + json_text(name);
    if (!json_args.empty()) data.append(",").append(json_args);
    return data + "]";
}

std::string connect_error_data(std::string_view message, std::string_view code) {
    const std::string data = JsonObject().text("code", code).str();
    return JsonObject().text("message", message).raw("data", data).str();
}

}  // namespace relevo
