#include "stages/wake.hpp"

#include "domain/timer_codec.hpp"

namespace relevo {

Task<Outcome> Wake::handle(std::span<const Envelope> records) {
    std::vector<Record> out;
    out.push_back(decode_timer(records.front().value));
    co_return Emit{std::move(out)};
}

}  // namespace relevo
