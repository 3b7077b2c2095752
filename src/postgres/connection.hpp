#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "postgres/pool.hpp"

namespace relevo {

/// One connection to PostgreSQL, opened when needed. Used by one thread; `cut` and `busy_for` by any.
class Connection {
  public:
    explicit Connection(const DatabaseConfig& config);
    ~Connection();

    /// Connects where it is not connected; the error says why it could not.
    std::optional<Error> open();
    /// Runs the batch and finishes each of its calls, but for those that it gives back: the connection broke
    /// and it is not known whether they ran.
    Batch run(const Batch& batch);

    /// Closes the socket under whoever reads from it.
    void cut();
    /// The same, and it is not opened again.
    void close();
    /// How long the running statement has taken; zero where none runs.
    Millis busy_for() const;

  private:
    struct Session;
    enum class Ended { ok, conflict, lost, refused };
    Ended try_run(std::span<const std::shared_ptr<WaitingCall>> calls, Error& error);

    const DatabaseConfig& config_;
    std::mutex mutex_;  // between cut, close and the thread that opens and closes the socket
    std::unique_ptr<Session> session_;
    bool closed_ = false;
    std::atomic<std::int64_t> busy_since_{0};  // steady milliseconds
};

}  // namespace relevo
