#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relevo {

/// A packet of Engine.IO protocol 4; the value is its digit on the wire.
enum class EnginePacketType : char {
    open = '0',
    close = '1',
    ping = '2',
    pong = '3',
    message = '4',
    upgrade = '5',
    noop = '6',
};

struct EnginePacket {
    EnginePacketType type = EnginePacketType::noop;
    std::string data;
    bool operator==(const EnginePacket&) const = default;
};

/// As one WebSocket text frame carries it.
std::string encode_packet(const EnginePacket& packet);
/// Nothing for what is no packet. Binary messages ("b" and base64, in polling) are none here: decode_payload
/// leaves them out.
std::optional<EnginePacket> decode_packet(std::string_view text);

/// As one polling body carries them: separated by U+001E. Binary messages are left out, since our events have
/// none. Nothing where any other packet is malformed.
std::optional<std::vector<EnginePacket>> decode_payload(std::string_view body);
inline constexpr char payload_separator = '\x1e';

}  // namespace relevo
