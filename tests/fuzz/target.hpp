#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <source_location>
#include <string>
#include <string_view>

/// What a target is: libFuzzer's entry point, which replay.cpp calls as well. Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace relevo::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// Ends the process where a property does not hold: libFuzzer keeps the input.
inline void require(bool holds, const char* property,
                    std::source_location place = std::source_location::current()) {
    if (holds) return;
    std::cerr << place.file_name() << ":" << place.line() << ": does not hold: " << property << std::endl;
    std::abort();
}

/// Takes numbers and texts off the front of an input, for targets that need more than one.
class Input {
  public:
    explicit Input(std::string_view bytes) : rest_(bytes) {}

    /// 0 at the end.
    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const auto value = static_cast<std::uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return value;
    }
    std::size_t below(std::size_t limit) { return byte() % limit; }
    /// Up to the next NUL, which is passed over; else all of it.
    std::string_view part() {
        const auto end = rest_.find('\0');
        const auto out = rest_.substr(0, end);
        rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
        return out;
    }
    std::string_view rest() const { return rest_; }
    bool empty() const { return rest_.empty(); }

  private:
    std::string_view rest_;
};

}  // namespace relevo::fuzz
