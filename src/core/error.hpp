#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

namespace relevo {

using Millis = std::chrono::milliseconds;

/// transient: the same call may succeed later, so the Worker tries again. permanent: it never will, so the
/// record becomes a dead letter.
enum class Fault { transient, permanent };

/// What went wrong, for the one who acts on it. `code` is "area.reason", from a finite set (it labels metrics);
/// `text` names what, where and what to do, and never holds a secret or a message's text.
struct Error {
    Fault fault = Fault::permanent;
    std::string code;
    std::string text;
    std::optional<Millis> retry_after = std::nullopt;  ///< the earliest useful moment, if the other side said one
};

/// Thrown where only the Worker can act on the error.
class Failure : public std::runtime_error {
  public:
    explicit Failure(Error error) : std::runtime_error(error.code + ": " + error.text), error_(std::move(error)) {}
    const Error& error() const { return error_; }

  private:
    Error error_;
};

[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
    throw Failure(error);
}

/// Used where the caller's next line branches on the error.
template <class T>
using Result = boost::system::result<T, Error>;

}  // namespace relevo
