#include "domain/timer_codec.hpp"
#include "tests/fuzz/target.hpp"

using namespace relevo;
using namespace relevo::fuzz;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Record record;
    try {
        record = decode_timer(text_of(data, size));
    } catch (const Failure& failure) {
        require(failure.error().code == "record.malformed", "what is no timer is malformed");
        return 0;
    }
    const std::string written = encode_timer(record);
    require(encode_timer(decode_timer(written)) == written, "reading and writing change nothing");
    return 0;
}
