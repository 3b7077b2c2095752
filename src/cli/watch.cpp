#include "cli/watch.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "core/clock.hpp"

namespace relevo {

namespace asio = boost::asio;

namespace {

Task<void> look_again(Millis interval, const std::function<bool()>& look) {
    SystemClock clock;
    SysTime next = clock.now();
    while (look()) {
        next = std::max(next + interval, clock.now());
        co_await clock.sleep_until(next);
    }
}

}  // namespace

void watch(Millis interval, const std::function<bool()>& look) {
    asio::io_context io{1};
    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](const boost::system::error_code&, int) { io.stop(); });
    std::exception_ptr failed;
    asio::co_spawn(io, look_again(interval, look), [&](std::exception_ptr problem) {
        failed = problem;
        io.stop();
    });
    io.run();
    if (failed) std::rethrow_exception(failed);
}

}  // namespace relevo
