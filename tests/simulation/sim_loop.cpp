#include "tests/simulation/sim_loop.hpp"

namespace relevo {

SimLoop::~SimLoop() {
    self_.reset();
    // a suspended coroutine is unwound by a handler of its executor, and may destroy others
    while (!waiters_.empty() || !handlers_.empty()) {
        if (!waiters_.empty()) {
            const auto dying = waiters_.extract(waiters_.begin());
            continue;
        }
        const auto dying = std::move(handlers_.front());
        handlers_.pop_front();
    }
}

boost::asio::any_io_executor SimLoop::executor() {
    return Executor(*this);
}

void SimLoop::run_one() {
    const auto handler = std::move(handlers_.front());
    handlers_.pop_front();
    runs_ = true;
    const struct Stops {
        bool& runs;
        ~Stops() { runs = false; }
    } stops{runs_};
    handler->run();
}

void SimLoop::end_wait(std::uint64_t id, boost::system::error_code how) {
    const auto found = waiters_.find(id);
    if (found == waiters_.end()) return;
    auto handler = found->second->end(how);
    waiters_.erase(found);
    handlers_.push_back(std::move(handler));
}

}  // namespace relevo
