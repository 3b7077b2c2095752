#include "http/socket_packet.hpp"

#include "core/utf8.hpp"
#include "tests/fuzz/target.hpp"

using namespace relevo;
using namespace relevo::fuzz;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = text_of(data, size);
    if (const auto packet = decode_socket_packet(text)) {
        const bool binary =
            packet->type == SocketPacketType::binary_event || packet->type == SocketPacketType::binary_ack;
        require(packet->name_space.starts_with('/'), "a namespace begins with a slash");
        // We write no binary packets.
        if (!binary)
            require(decode_socket_packet(encode_socket_packet(*packet)) == packet, "a packet is itself");
    }
    // As a packet's data comes: JavaScript's lone surrogates are gone.
    if (const auto event = parse_socket_event(clean_json_escapes(text))) {
        require(event->args.starts_with('[') && event->args.ends_with(']') == text.ends_with(']'),
                "args are a list");
        const auto args = event->args.substr(1, event->args.rfind(']') - 1);
        const auto again = parse_socket_event(event_data(event->name, args));
        require(again && again->name == event->name, "an event keeps its name");
    }
    return 0;
}
