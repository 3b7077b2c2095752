#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/random.hpp"
#include "core/task.hpp"

namespace relevo::faults {

/// Worker processes of one installation: who dies is started again, on the same port.
class Fleet {
  public:
    struct Death {
        std::size_t place = 0;
        std::string point;        ///< where it died by itself; "" where it was killed
        bool asked = false;       ///< it was told to stop, and did
        std::optional<int> exit;  ///< it ended on its own, in good order
        std::string crash;        ///< it crashed, by this signal
    };
    using Died = std::function<void(const Death&)>;

    /// `command` is what to execute; a port follows it. What workers log goes to a file of each in `logs`.
    Fleet(boost::asio::io_context& io, std::vector<std::string> command, std::filesystem::path logs,
          std::size_t size, std::uint64_t seed, Died died);
    ~Fleet();

    void start();
    /// Starts nobody any more, and ends everybody: returns when they are gone.
    Task<void> end();

    std::size_t size() const { return workers_.size(); }
    std::size_t alive() const;
    /// Of those that run and are neither stopped nor waiting for their death at a point.
    std::optional<std::size_t> any_free();
    std::optional<std::size_t> any_armed();
    /// A port where a webhook may be taken.
    std::optional<std::uint16_t> any_port();
    bool runs(std::size_t place) const { return workers_[place].pid > 0; }

    void kill(std::size_t place);
    /// SIGTERM: it leaves its groups, and joins again `away` later.
    void leave(std::size_t place, Millis away);
    void stall(std::size_t place, Millis time);
    void arm(std::size_t place, const std::set<std::string>& points, int nth);
    void disarm();

  private:
    struct Worker {
        std::uint16_t port = 0;
        pid_t pid = 0;
        int orders = -1;
        int words = -1;
        bool stalled = false;
        bool armed = false;
        bool leaving = false;
        Millis away{0};
    };
    void launch(Worker& worker);
    void watch();
    void bury(std::size_t place, int status);
    Task<void> relaunch(std::size_t place, Millis after);
    Task<void> wake(std::size_t place, pid_t pid, Millis after);
    template <class Good>
    std::optional<std::size_t> any(Good good);

    boost::asio::io_context& io_;
    std::vector<std::string> command_;
    std::filesystem::path logs_;
    SystemClock clock_;
    SeededRandom random_;
    Died died_;
    std::vector<Worker> workers_;
    boost::asio::signal_set children_;
    bool ending_ = false;
};

}  // namespace relevo::faults
