#include "domain/stage.hpp"

namespace relevo {

BurstPolicy Stage::window(const Envelope&) const {
    return {};
}

Task<Outcome> Stage::give_up(std::span<const Envelope>, Error) {
    co_return Emit{};
}

}  // namespace relevo
