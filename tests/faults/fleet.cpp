#include "tests/faults/fleet.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <system_error>

extern char** environ;

namespace relevo::faults {
namespace {

// Below those that the kernel gives to whoever connects somewhere: it must be free again after each death.
std::uint16_t free_port(boost::asio::io_context& io, SeededRandom& random) {
    using boost::asio::ip::tcp;
    for (;;) {
        const auto port = static_cast<std::uint16_t>(10'000 + random.below(10'000));
        boost::system::error_code taken;
        tcp::acceptor acceptor(io, tcp::v4());
        acceptor.bind({boost::asio::ip::address_v4::loopback(), port}, taken);
        if (!taken) return port;
    }
}

struct Pipe {
    Pipe() {
        if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    }
    int ends[2];
};

}  // namespace

Fleet::Fleet(boost::asio::io_context& io, std::vector<std::string> command, std::filesystem::path logs,
             std::size_t size, std::uint64_t seed, Died died)
    : io_(io),
      command_(std::move(command)),
      logs_(std::move(logs)),
      random_(seed),
      died_(std::move(died)),
      workers_(size),
      children_(io, SIGCHLD) {
    for (auto& worker : workers_) worker.port = free_port(io, random_);
    watch();
}

Fleet::~Fleet() {
    for (const auto& worker : workers_) {
        if (worker.pid <= 0) continue;
        ::kill(worker.pid, SIGKILL);
        ::waitpid(worker.pid, nullptr, 0);
    }
}

void Fleet::start() {
    for (auto& worker : workers_) launch(worker);
}

void Fleet::launch(Worker& worker) {
    const Pipe orders;
    const Pipe words;
    const auto log = logs_ / fmt::format("worker-{}.log", worker.port);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, orders.ends[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, words.ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);  // our sockets are none of its
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);  // Ctrl-C is for us
    sigset_t usual;
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    std::vector<std::string> words_of = command_;
    words_of.push_back(std::to_string(worker.port));
    std::vector<char*> arguments;
    for (auto& word : words_of) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const int error =
        ::posix_spawn(&worker.pid, arguments.front(), &files, &attributes, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    ::close(orders.ends[0]);
    ::close(words.ends[1]);
    worker.orders = orders.ends[1];
    worker.words = words.ends[0];
    worker.stalled = worker.armed = worker.leaving = false;
    if (error != 0)
        throw std::system_error(error, std::generic_category(), "cannot start " + command_.front());
}

// Of several children that ended there may be one signal.
void Fleet::watch() {
    children_.async_wait([this](const boost::system::error_code& error, int) {
        if (error) return;
        for (std::size_t place = 0; place < workers_.size(); ++place) {
            int status = 0;
            if (workers_[place].pid > 0 && ::waitpid(workers_[place].pid, &status, WNOHANG) > 0)
                bury(place, status);
        }
        watch();
    });
}

void Fleet::bury(std::size_t place, int status) {
    Worker& worker = workers_[place];
    Death death;
    death.place = place;
    char name[128];
    const auto size = ::read(worker.words, name, sizeof name);  // its end is closed: never waits
    if (size > 1) death.point.assign(name, static_cast<std::size_t>(size) - 1);
    // A worker that has only just begun has no handler for SIGTERM yet.
    const bool terminated = WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
    death.asked = worker.leaving && (WIFEXITED(status) || terminated);
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL && !death.asked) {
        death.crash = fmt::format("signal {}", WTERMSIG(status));
    } else if (WIFEXITED(status) && !death.asked) {
        death.exit = WEXITSTATUS(status);
    }
    ::close(worker.words);
    ::close(worker.orders);
    worker.pid = 0;
    const Millis after =
        worker.leaving ? worker.away : Millis{static_cast<std::int64_t>(random_.below(1'500))};
    if (!ending_) boost::asio::co_spawn(io_, relaunch(place, after), boost::asio::detached);
    died_(death);
}

Task<void> Fleet::relaunch(std::size_t place, Millis after) {
    co_await clock_.sleep_until(clock_.now() + after);
    if (!ending_) launch(workers_[place]);
}

Task<void> Fleet::end() {
    ending_ = true;
    for (const auto& worker : workers_) {
        if (worker.pid <= 0) continue;
        ::kill(worker.pid, SIGCONT);
        ::kill(worker.pid, SIGTERM);
    }
    const SysTime patience = clock_.now() + Millis{15'000};
    while (alive() > 0 && clock_.now() < patience) co_await clock_.sleep_until(clock_.now() + Millis{50});
    for (const auto& worker : workers_) {
        if (worker.pid > 0) ::kill(worker.pid, SIGKILL);
    }
    while (alive() > 0) co_await clock_.sleep_until(clock_.now() + Millis{20});
}

std::size_t Fleet::alive() const {
    return static_cast<std::size_t>(
        std::count_if(workers_.begin(), workers_.end(), [](const Worker& it) { return it.pid > 0; }));
}

template <class Good>
std::optional<std::size_t> Fleet::any(Good good) {
    std::vector<std::size_t> found;
    for (std::size_t place = 0; place < workers_.size(); ++place) {
        if (workers_[place].pid > 0 && good(workers_[place])) found.push_back(place);
    }
    if (found.empty()) return std::nullopt;
    return found[random_.below(found.size())];
}

std::optional<std::size_t> Fleet::any_free() {
    return any([](const Worker& it) { return !it.stalled && !it.armed && !it.leaving; });
}

std::optional<std::size_t> Fleet::any_armed() {
    return any([](const Worker& it) { return it.armed && !it.stalled && !it.leaving; });
}

std::optional<std::uint16_t> Fleet::any_port() {
    const auto place = any([](const Worker& it) { return !it.leaving; });
    return place ? std::optional(workers_[*place].port) : std::nullopt;
}

void Fleet::kill(std::size_t place) {
    ::kill(workers_[place].pid, SIGKILL);
}

void Fleet::leave(std::size_t place, Millis away) {
    workers_[place].leaving = true;
    workers_[place].away = away;
    ::kill(workers_[place].pid, SIGTERM);
}

void Fleet::stall(std::size_t place, Millis time) {
    workers_[place].stalled = true;
    ::kill(workers_[place].pid, SIGSTOP);
    boost::asio::co_spawn(io_, wake(place, workers_[place].pid, time), boost::asio::detached);
}

Task<void> Fleet::wake(std::size_t place, pid_t pid, Millis after) {
    co_await clock_.sleep_until(clock_.now() + after);
    if (workers_[place].pid != pid) co_return;
    ::kill(pid, SIGCONT);
    workers_[place].stalled = false;
}

void Fleet::arm(std::size_t place, const std::set<std::string>& points, int nth) {
    const std::string line = fmt::format("{} {}\n", nth, fmt::join(points, ","));
    // A worker that just died takes no orders.
    if (::write(workers_[place].orders, line.data(), line.size()) == static_cast<ssize_t>(line.size())) {
        workers_[place].armed = !points.empty();
    }
}

void Fleet::disarm() {
    for (std::size_t place = 0; place < workers_.size(); ++place) {
        if (workers_[place].armed) arm(place, {}, 1);
    }
}

}  // namespace relevo::faults
