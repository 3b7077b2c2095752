#include "core/offset_tracker.hpp"

namespace relevo {

void OffsetTracker::began(Offset offset) {
    if (base_ < 0) base_ = offset.value;
    const auto index = offset.value - base_;
    const auto size = static_cast<std::int64_t>(states_.size());
    if (index < size) return;
    if (states_.empty()) {
        base_ = offset.value;
    } else {
        for (auto i = size; i < index; ++i) states_.push_back(State::gap);
    }
    states_.push_back(State::open);
    ++unfinished_;
}

void OffsetTracker::finished(Offset offset) {
    const auto index = offset.value - base_;
    if (base_ < 0 || index < 0 || index >= static_cast<std::int64_t>(states_.size())) return;
    State& state = states_[static_cast<std::size_t>(index)];
    if (state != State::open) return;
    state = State::done;
    --unfinished_;
    while (!states_.empty() && states_.front() != State::open) {
        states_.pop_front();
        ++base_;
    }
}

std::optional<Offset> OffsetTracker::committable() const {
    if (base_ < 0) return std::nullopt;
    return Offset{base_};
}

std::optional<Offset> OffsetTracker::dispatched() const {
    if (base_ < 0) return std::nullopt;
    return Offset{base_ + static_cast<std::int64_t>(states_.size())};
}

}  // namespace relevo
