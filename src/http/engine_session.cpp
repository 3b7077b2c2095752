#include "http/engine_session.hpp"

#include "core/json_object.hpp"

namespace relevo {
namespace {

std::string open_packet(const std::string& sid, EngineSession::Transport transport,
                        const EngineLimits& limits) {
    return JsonObject()
        .text("sid", sid)
        .raw("upgrades", transport == EngineSession::Transport::polling ? R"(["websocket"])" : "[]")
        .number("pingInterval", limits.ping_interval.count())
        .number("pingTimeout", limits.ping_timeout.count())
        .number("maxPayload", static_cast<std::int64_t>(limits.max_payload))
        .str();
}

}  // namespace

EngineSession::EngineSession(std::string sid, Transport transport, const EngineLimits& limits, Time now)
    : sid_(std::move(sid)), transport_(transport), limits_(limits), ping_at_(now + limits.ping_interval) {
    queue({EnginePacketType::open, open_packet(sid_, transport, limits)});
}

void EngineSession::queue(EnginePacket packet) {
    queued_bytes_ += packet.data.size() + 1;
    queue_.push_back(encode_packet(packet));
}

void EngineSession::send(std::string_view message) {
    if (closed_) return;
    if (queue_.size() >= limits_.max_queued_packets ||
        queued_bytes_ + message.size() > limits_.max_queued_bytes) {
        queue_.clear();
        queued_bytes_ = 0;
        return close("slow client");
    }
    queue({EnginePacketType::message, std::string(message)});
}

void EngineSession::close(std::string_view reason) {
    if (closed_) return;
    closed_ = std::string(reason);
    probing_ = false;
    queue({EnginePacketType::close, ""});
}

EngineSession::Received EngineSession::receive_payload(std::string_view body, Time now) {
    Received received;
    const auto packets = decode_payload(body);
    if (!packets) {
        close("malformed payload");
        return received;
    }
    for (const auto& packet : *packets) {
        if (closed_) break;
        receive(packet, Transport::polling, now, received);
    }
    return received;
}

EngineSession::Received EngineSession::receive_frame(std::string_view frame, Time now) {
    Received received;
    if (closed_) return received;
    const auto packet = decode_packet(frame);
    if (packet) {
        receive(*packet, Transport::websocket, now, received);
    } else {
        close("malformed packet");
    }
    return received;
}

void EngineSession::receive(const EnginePacket& packet, Transport via, Time now, Received& received) {
    const bool candidate = via == Transport::websocket && transport_ == Transport::polling;
    switch (packet.type) {
        case EnginePacketType::message:
            if (candidate) return close("message before the upgrade");
            received.messages.push_back(packet.data);
            return;
        case EnginePacketType::pong:
            pong_by_.reset();
            ping_at_ = now + limits_.ping_interval;
            return;
        case EnginePacketType::close:
            return close("client closed");
        case EnginePacketType::ping:
            if (!candidate || packet.data != "probe") return close("unexpected ping");
            probing_ = true;
            received.reply = encode_packet({EnginePacketType::pong, "probe"});
            return;
        case EnginePacketType::upgrade:
            if (!candidate || !probing_) return close("unexpected upgrade");
            probing_ = false;
            upgraded_ = true;
            transport_ = Transport::websocket;
            return;
        case EnginePacketType::noop:
            return;
        case EnginePacketType::open:
            return close("unexpected open");
    }
}

bool EngineSession::begin_poll() {
    if (polling_) {
        close("overlapping polls");
        return false;
    }
    polling_ = true;
    return true;
}

std::optional<std::string> EngineSession::take_poll_answer() {
    if (!polling_) return std::nullopt;
    const bool owns_queue = transport_ == Transport::polling;
    if (!owns_queue || queue_.empty()) {
        // The client waits for its poll to end before it upgrades; and one that outlived the upgrade, or the
        // session, has nothing more to wait for.
        if (!probing_ && !upgraded_ && !closed_) return std::nullopt;
        polling_ = false;
        return encode_packet({EnginePacketType::noop, ""});
    }
    std::string answer;
    while (!queue_.empty()) {
        if (!answer.empty() && answer.size() + 1 + queue_.front().size() > limits_.max_payload) break;
        if (!answer.empty()) answer += payload_separator;
        answer += queue_.front();
        queued_bytes_ -= queue_.front().size();
        queue_.pop_front();
    }
    polling_ = false;
    return answer;
}

std::optional<std::string> EngineSession::take_frame() {
    if (transport_ != Transport::websocket || queue_.empty()) return std::nullopt;
    std::string frame = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= frame.size();
    return frame;
}

bool EngineSession::has_output() const {
    if (transport_ == Transport::websocket) return !queue_.empty() || polling_;
    return polling_ && (!queue_.empty() || probing_ || closed_);
}

void EngineSession::tick(Time now) {
    if (closed_) return;
    if (pong_by_) {
        if (now >= *pong_by_) close("ping timeout");
        return;
    }
    if (now < ping_at_) return;
    pong_by_ = now + limits_.ping_timeout;
    queue({EnginePacketType::ping, ""});
}

}  // namespace relevo
