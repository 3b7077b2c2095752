#include "http/engine_session.hpp"

#include "core/json_object.hpp"
#include "tests/fuzz/target.hpp"

using namespace relevo;
using namespace relevo::fuzz;

namespace {

void check_payload(std::string_view body) {
    const auto packets = decode_payload(body);
    if (!packets || packets->empty()) return;
    std::string written;
    for (const auto& packet : *packets) {
        require(decode_packet(encode_packet(packet)) == packet, "a packet is itself");
        if (!written.empty()) written += payload_separator;
        written += encode_packet(packet);
    }
    require(decode_payload(written) == packets, "a payload is itself");
}

}  // namespace

/// A client and a server that do what the input says, in its order.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    check_payload(text_of(data, size));
    Input input(text_of(data, size));
    EngineLimits limits;
    limits.max_queued_bytes = 1'000;
    limits.max_queued_packets = 8;
    limits.max_payload = 200;
    EngineSession::Time now{};
    const auto transport =
        input.below(2) == 0 ? EngineSession::Transport::polling : EngineSession::Transport::websocket;
    EngineSession session("s", transport, limits, now);
    bool was_closed = false;
    while (!input.empty()) {
        std::vector<std::string> messages;
        switch (input.below(8)) {
            case 0:
                messages = session.receive_payload(input.part(), now).messages;
                break;
            case 1:
                messages = session.receive_frame(input.part(), now).messages;
                break;
            case 2:
                session.send(json_text(input.part()));  // what we send is JSON: no separator is in it
                break;
            case 3:
                session.begin_poll();
                break;
            case 4:
                if (const auto answer = session.take_poll_answer()) {
                    require(decode_payload(*answer).has_value(), "an answer to a poll is a payload");
                }
                break;
            case 5:
                if (const auto frame = session.take_frame()) {
                    require(decode_packet(*frame).has_value(), "a frame is a packet");
                }
                break;
            case 6:
                now += Millis{input.byte() * 1'000};
                session.tick(now);
                break;
            case 7:
                session.end_probe();
                session.end_poll();
                break;
        }
        require(!was_closed || messages.empty(), "nothing is received after the end");
        require(!was_closed || session.closed(), "an end is for ever");
        was_closed = session.closed().has_value();
    }
    return 0;
}
