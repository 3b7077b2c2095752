#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relevo {

/// A packet of Socket.IO protocol 5; the value is its digit on the wire.
enum class SocketPacketType : char {
    connect = '0',
    disconnect = '1',
    event = '2',
    ack = '3',
    connect_error = '4',
    binary_event = '5',
    binary_ack = '6',
};

struct SocketPacket {
    SocketPacketType type = SocketPacketType::event;
    std::string name_space = "/";
    std::optional<std::uint64_t> id = std::nullopt;  ///< of the acknowledgement that is asked for or given
    std::string data = {};                           ///< JSON text, or empty
    bool operator==(const SocketPacket&) const = default;
};

std::string encode_socket_packet(const SocketPacket& packet);
/// Nothing for what is no packet, or holds JSON that does not fit its type. Attachments of binary packets are
/// counted past, not read.
std::optional<SocketPacket> decode_socket_packet(std::string_view text);

/// An event's name and the JSON array of what follows it.
struct SocketEvent {
    std::string name;
    std::string args;
    bool operator==(const SocketEvent&) const = default;
};
/// `data` is the JSON of an event packet. Nothing for a name that the protocol reserves for itself.
std::optional<SocketEvent> parse_socket_event(std::string_view data);

/// `json_args`: the JSON texts of the arguments, separated by commas; may be empty.
std::string event_data(std::string_view name, std::string_view json_args);
/// {"message":…}: the data of a connect_error.
std::string connect_error_data(std::string_view message, std::string_view code);

}  // namespace relevo
