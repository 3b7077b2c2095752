#include "domain/topic_value.hpp"

#include "domain/records.hpp"
#include "domain/timer_codec.hpp"

namespace relevo {
namespace {

template <class T>
std::optional<Error> error_of(const Result<T>& decoded) {
    return decoded ? std::nullopt : std::optional(decoded.error());
}

std::optional<Error> unreadable_timer(std::string_view value) {
    try {
        const Record record = decode_timer(value);
        return unreadable(record.topic, record.value);
    } catch (const Failure& failure) {
        return failure.error();
    }
}

}  // namespace

std::optional<Error> unreadable(std::string_view topic, std::string_view value) {
    if (topic == "timers") return unreadable_timer(value);
    if (topic == topics::messages_received) return error_of(decode_message_received(value));
    if (topic == topics::messages_resolved) return error_of(decode_message_resolved(value));
    if (topic == topics::turns_ready || topic == topics::inferences_requested ||
        topic == topics::tools_requested) {
        return error_of(decode_turn_step(value));
    }
    if (topic == topics::replies_ready) return error_of(decode_reply_ready(value));
    if (topic == topics::receipts_received) return error_of(decode_receipt_received(value));
    return Error{Fault::permanent, "record.malformed", "no stage reads a topic '" + std::string(topic) + "'"};
}

}  // namespace relevo
