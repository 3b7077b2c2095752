#include "http/engine_packet.hpp"

namespace relevo {

std::string encode_packet(const EnginePacket& packet) {
    std::string out;
    out.reserve(packet.data.size() + 1);
    out += static_cast<char>(packet.type);
    out += packet.data;
    return out;
}

std::optional<EnginePacket> decode_packet(std::string_view text) {
    if (text.empty() || text.front() < '0' || text.front() > '6') return std::nullopt;
    return EnginePacket{static_cast<EnginePacketType>(text.front()), std::string(text.substr(1))};
}

std::optional<std::vector<EnginePacket>> decode_payload(std::string_view body) {
    std::vector<EnginePacket> packets;
    while (true) {
        const auto end = body.find(payload_separator);
        const auto part = body.substr(0, end);
        if (!part.starts_with('b')) {
            auto packet = decode_packet(part);
            if (!packet) return std::nullopt;
            packets.push_back(std::move(*packet));
        }
        if (end == std::string_view::npos) return packets;
        body.remove_prefix(end + 1);
    }
}

}  // namespace relevo
