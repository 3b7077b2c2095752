#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "http/engine_packet.hpp"

namespace relevo {

struct EngineLimits {
    Millis ping_interval{25'000};
    Millis ping_timeout{20'000};
    Millis upgrade_timeout{10'000};       ///< from a WebSocket's first byte to its taking over
    std::size_t max_payload = 1'000'000;  ///< bytes of one message or polling body, either way
    /// What waits for a slow client; it is disconnected beyond. A history of some hundred messages fits.
    std::size_t max_queued_bytes = 4 << 20;
    std::size_t max_queued_packets = 2'000;
    std::size_t max_sessions = 10'000;
};

/// One Engine.IO session as a state machine: packets, sends and the time go in; what is to be written, and
/// whether it is over, comes out. No I/O.
class EngineSession {
  public:
    using Time = std::chrono::steady_clock::time_point;
    enum class Transport { polling, websocket };

    /// Begins with the open packet queued.
    EngineSession(std::string sid, Transport transport, const EngineLimits& limits, Time now);

    const std::string& sid() const { return sid_; }
    Transport transport() const { return transport_; }
    /// Why it is over, or nothing while it is not.
    const std::optional<std::string>& closed() const { return closed_; }

    /// Queues a message for the client.
    void send(std::string_view message);
    /// Queues a close packet, so that a client that still listens knows at once. The first reason stays.
    void close(std::string_view reason);

    /// What a packet from the client made due.
    struct Received {
        std::vector<std::string> messages;
        std::string reply;  ///< to be written at once on the WebSocket the packet came from
    };
    /// A polling body. Closes the session where it is malformed.
    Received receive_payload(std::string_view body, Time now);
    /// A text frame of the session's WebSocket, or of the one that wants to take over.
    Received receive_frame(std::string_view frame, Time now);

    /// A GET arrived; false: another one waits already, which ends the session.
    bool begin_poll();
    /// Whoever waited is gone without an answer.
    void end_poll() { polling_ = false; }
    /// The answer to the waiting GET, as soon as there is one; ends the poll.
    std::optional<std::string> take_poll_answer();
    /// The next frame for the WebSocket that has taken over.
    std::optional<std::string> take_frame();
    /// Whether take_poll_answer or take_frame has something.
    bool has_output() const;

    /// The WebSocket that wanted to take over is gone.
    void end_probe() { probing_ = false; }
    /// Pings when it is due; closes when a pong is overdue.
    void tick(Time now);

  private:
    void queue(EnginePacket packet);
    void receive(const EnginePacket& packet, Transport via, Time now, Received& received);

    std::string sid_;
    Transport transport_;
    EngineLimits limits_;
    std::optional<std::string> closed_;
    std::deque<std::string> queue_;
    std::size_t queued_bytes_ = 0;
    bool polling_ = false;   // a GET waits
    bool probing_ = false;   // a WebSocket has said 2probe
    bool upgraded_ = false;  // a GET from before the upgrade may still wait
    Time ping_at_;
    std::optional<Time> pong_by_;
};

}  // namespace relevo
