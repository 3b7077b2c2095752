#include "tests/faults/run.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <memory>

#include "tests/faults/installation.hpp"
#include "tests/faults/report.hpp"

namespace relevo::faults {
namespace {

namespace asio = boost::asio;

constexpr Millis table_every{5'000};
// Without any progress: a lost nudge stops nobody for longer than ten minutes. A backlog takes its time, at
// one bubble in four seconds for each conversation.
constexpr Millis patience{12 * 60'000};
constexpr Millis looks_every{1'000};

class Run {
  public:
    Run(const Config& config, RunSettings settings)
        : settings_(std::move(settings)),
          logs_(std::filesystem::temp_directory_path() / ("relevo-prove-" + id_)),
          provider_(io_, settings_.seed * 3 + 1, settings_.moods,
                    [this](const Bubble& bubble, const std::string& id) { customers_->receive(bubble, id); }),
          installation_(config, {id_, provider_.port()}, settings_.shops, settings_.quiet),
          chaos_(plan(), settings_.seed * 3 + 2) {
        std::filesystem::create_directory(logs_);
        fleet_ = std::make_unique<Fleet>(
            io_,
            std::vector<std::string>{settings_.program, "worker", settings_.config_file, id_,
                                     std::to_string(provider_.port())},
            logs_, settings_.workers, settings_.seed * 3,
            [this](const Fleet::Death& it) { chaos_.died(it); });
        customers_ = std::make_unique<Customers>(io_, settings_.seed, settings_.habits, installation_.shops(),
                                                 [this] { return fleet_->any_port(); });
        fmt::print(stderr, "installation of its own: database {}, topics {}*, logs in {}\n",
                   installation_.isolated().database(), installation_.isolated().prefix(), logs_.string());
        signals_.async_wait([this](const boost::system::error_code& error, int) {
            if (!error) interrupt();
        });
    }

    int run() {
        std::exception_ptr problem;
        asio::co_spawn(io_, drive(), [&](std::exception_ptr failure) {
            problem = failure;
            io_.stop();
        });
        io_.run();
        fleet_.reset();
        if (!problem && !interrupted_) print_report(report_, settings_.json);
        leave(problem || !report_.passed());
        if (problem) std::rethrow_exception(problem);
        if (interrupted_) return 130;
        return report_.passed() ? 0 : 1;
    }

  private:
    Plan plan() {
        Plan plan = settings_.plan;
        plan.wipe_redis = [this] { installation_.wipe_redis(); };
        return plan;
    }

    // What was found is told already: it does not depend on whether this succeeds.
    void leave(bool failed) {
        if (settings_.keep && failed && !interrupted_) {
            fmt::print(stderr, "it stays for you to look at; relevo prove --clean takes it away\n");
            return;
        }
        try {
            installation_.remove();
        } catch (const Failure& failure) {
            fmt::print(stderr, "not all of it could be taken away, relevo prove --clean does: {}\n",
                       failure.what());
        }
        std::filesystem::remove_all(logs_);
    }

    void interrupt() {
        interrupted_ = true;
        chaos_.stop();
        customers_->stop();
    }

    Task<void> drive() {
        const SysTime begun = clock_.now();
        fleet_->start();
        customers_->start(settings_.conversations);
        asio::co_spawn(io_, keep_telling(begun), [](std::exception_ptr) {});
        co_await chaos_.run(*fleet_);
        phase_ = "settling";
        fleet_->disarm();
        customers_->stop();
        provider_.calm();  // what is left depends on us alone
        report_.settled = co_await settle();
        if (!interrupted_) {
            Rows rows = co_await asio::co_spawn(
                blocking_, [this]() -> Task<Rows> { co_return installation_.rows(); }, asio::use_awaitable);
            report_.books = balance(customers_->said(), provider_.bubbles(), rows);
        }
        report_.blows = chaos_.blows();
        report_.missed = chaos_.missing();
        report_.plan = settings_.plan;
        report_.seed = settings_.seed;
        report_.retried = customers_->retried();
        report_.took = clock_.now() - begun;
        done_ = true;
        co_await fleet_->end();
        co_await provider_.stop();
    }

    // Everything that was begun is ended: twice in a row, because a record is nowhere for a moment.
    Task<bool> settle() {
        SysTime until = clock_.now() + patience;
        Progress before;
        int quiet = 0;
        while (!interrupted_ && clock_.now() < until) {
            const auto progress = co_await look();
            if (progress && progress->pending_bubbles + progress->unclaimed + progress->open_turns !=
                                before.pending_bubbles + before.unclaimed + before.open_turns) {
                before = *progress;
                until = clock_.now() + patience;
            }
            quiet = customers_->quiet() && progress && progress->settled() ? quiet + 1 : 0;
            if (quiet == 3) co_return true;
            co_await clock_.sleep_until(clock_.now() + looks_every);
        }
        co_return false;
    }

    Task<std::optional<Progress>> look() {
        co_return co_await asio::co_spawn(
            blocking_,
            [this]() -> Task<std::optional<Progress>> {
                try {
                    co_return installation_.progress();
                } catch (const std::exception&) {
                    co_return std::nullopt;  // a server is away
                }
            },
            asio::use_awaitable);
    }

    Task<void> keep_telling(SysTime begun) {
        while (!done_ && !interrupted_) {
            co_await clock_.sleep_until(clock_.now() + table_every);
            const auto progress = co_await look();
            if (done_) co_return;
            table_.line({clock_.now() - begun, phase_, fleet_->alive(), chaos_.blows(),
                         customers_->said().size(), provider_.bubbles().size(), progress});
        }
    }

    RunSettings settings_;
    const std::string id_ = SystemRandom().hex(4);
    std::filesystem::path logs_;
    SystemClock clock_;
    asio::io_context io_{1};
    asio::signal_set signals_{io_, SIGINT, SIGTERM};  // from here on what is made is taken away
    asio::thread_pool blocking_{1};
    Provider provider_;
    Installation installation_;
    Chaos chaos_;
    std::unique_ptr<Fleet> fleet_;
    std::unique_ptr<Customers> customers_;
    Table table_;
    Report report_;
    std::string phase_ = "running";
    bool interrupted_ = false;
    bool done_ = false;
};

}  // namespace

int prove(const Config& config, RunSettings settings) {
    return Run(config, std::move(settings)).run();
}

}  // namespace relevo::faults
