#include "domain/records.hpp"
#include "tests/fuzz/target.hpp"

using namespace relevo;
using namespace relevo::fuzz;

namespace {

/// What can be read can be written, and says the same when it is read again.
template <class Decode>
void check(std::string_view value, Decode decode) {
    const auto record = decode(value);
    if (!record) {
        require(record.error().code == "record.malformed", "what is no record is malformed");
        return;
    }
    const std::string written = encode(*record);
    const auto again = decode(written);
    require(again.has_value(), "what was written can be read");
    require(encode(*again) == written, "reading and writing change nothing");
}

}  // namespace

/// Which topic, and a record's value.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(text_of(data, size));
    const auto topic = input.below(5);
    const auto value = input.rest();
    if (topic == 0) check(value, decode_message_received);
    if (topic == 1) check(value, decode_message_resolved);
    if (topic == 2) check(value, decode_turn_step);
    if (topic == 3) check(value, decode_reply_ready);
    if (topic == 4) check(value, decode_receipt_received);
    return 0;
}
