#pragma once

#include <string>
#include <utility>

namespace relevo {

/// Overwrites what the text holds, then empties it.
void wipe(std::string& text) noexcept;

/// A value that must not reach a log, an error or a record: it cannot be printed or formatted by accident.
/// Its memory is overwritten when it goes.
class Secret {
  public:
    Secret() = default;
    explicit Secret(const std::string& value) : value_(value) {}
    // a short text stays behind in what it was moved from
    explicit Secret(std::string&& value) : value_(std::move(value)) { wipe(value); }
    Secret(const Secret&) = default;
    Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { wipe(other.value_); }
    Secret& operator=(const Secret& other) {
        if (this != &other) *this = Secret(other);
        return *this;
    }
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            wipe(value_);
            value_ = std::move(other.value_);
            wipe(other.value_);
        }
        return *this;
    }
    ~Secret() { wipe(value_); }

    const std::string& reveal() const { return value_; }
    bool empty() const { return value_.empty(); }

  private:
    std::string value_;
};

}  // namespace relevo
