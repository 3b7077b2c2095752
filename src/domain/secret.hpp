#pragma once

#include <string>
#include <utility>

namespace relevo {

/// A value that must not reach a log, an error or a record: it cannot be printed or formatted by accident.
class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}
    const std::string& reveal() const { return value_; }
    bool empty() const { return value_.empty(); }

  private:
    std::string value_;
};

}  // namespace relevo
