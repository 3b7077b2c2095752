#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "core/task.hpp"

namespace relevo {

/// What an io_context is to one worker's thread, without a thread, sockets or real time: handlers wait in
/// line until somebody has them run, one by one. Destroyed, it takes all that is suspended on it along: `kill
/// -9`.
class SimLoop final : public boost::asio::execution_context {
    struct Handler {
        virtual ~Handler() = default;
        virtual void run() = 0;
    };
    template <class Function>
    struct HandlerOf;
    struct Waiter {
        virtual ~Waiter() = default;
        virtual std::unique_ptr<Handler> end(boost::system::error_code how) = 0;
    };
    template <class Completion>
    struct WaiterOf;

  public:
    class Executor;

    SimLoop() = default;
    ~SimLoop();

    boost::asio::any_io_executor executor();
    bool is_ready() const { return !handlers_.empty(); }
    /// Runs the handler that has waited longest.
    void run_one();

    /// Ends one wait; does nothing where that is over, or its loop is no more.
    class Wake {
      public:
        void operator()() const { end({}); }
        void cancel() const { end(boost::asio::error::operation_aborted); }

      private:
        friend class SimLoop;
        void end(boost::system::error_code how) const {
            if (const auto loop = loop_.lock()) (*loop)->end_wait(id_, how);
        }
        std::weak_ptr<SimLoop*> loop_;
        std::uint64_t id_ = 0;
    };
    /// Suspends the coroutine until the `Wake` that `started` gets is called. Throws operation_aborted where
    /// the coroutine is cancelled.
    template <class Started>
    static Task<void> wait(Started started);

  private:
    template <class Completion>
    Wake begin_wait(Completion completion);
    void end_wait(std::uint64_t id, boost::system::error_code how);

    std::deque<std::unique_ptr<Handler>> handlers_;
    std::map<std::uint64_t, std::unique_ptr<Waiter>> waiters_;
    std::uint64_t last_wait_ = 0;
    bool runs_ = false;
    std::shared_ptr<SimLoop*> self_ = std::make_shared<SimLoop*>(this);  // expires with us
};

template <class Function>
struct SimLoop::HandlerOf final : Handler {
    explicit HandlerOf(Function its_function) : function(std::move(its_function)) {}
    void run() override { std::move(function)(); }
    Function function;
};

template <class Completion>
struct SimLoop::WaiterOf final : Waiter {
    explicit WaiterOf(Completion its_completion) : completion(std::move(its_completion)) {}
    std::unique_ptr<Handler> end(boost::system::error_code how) override {
        auto resume = [ended = std::move(completion), how]() mutable { std::move(ended)(how); };
        return std::make_unique<HandlerOf<decltype(resume)>>(std::move(resume));
    }
    Completion completion;
};

class SimLoop::Executor {
    using Blocking = boost::asio::execution::blocking_t;

  public:
    explicit Executor(SimLoop& loop, bool may_run_at_once = true)
        : loop_(&loop), may_run_at_once_(may_run_at_once) {}
    friend bool operator==(const Executor& one, const Executor& other) noexcept {
        return one.loop_ == other.loop_ && one.may_run_at_once_ == other.may_run_at_once_;
    }
    friend bool operator!=(const Executor& one, const Executor& other) noexcept { return !(one == other); }
    SimLoop& query(boost::asio::execution::context_t) const noexcept { return *loop_; }
    Blocking query(Blocking) const noexcept {
        return may_run_at_once_ ? Blocking(boost::asio::execution::blocking.possibly)
                                : Blocking(boost::asio::execution::blocking.never);
    }
    Executor require(Blocking::never_t) const noexcept { return Executor(*loop_, false); }
    Executor require(Blocking::possibly_t) const noexcept { return Executor(*loop_, true); }
    /// As an io_context does: what is dispatched by a handler runs within it.
    template <class Function>
    void execute(Function function) const {
        if (may_run_at_once_ && loop_->runs_) return std::move(function)();
        loop_->handlers_.push_back(std::make_unique<HandlerOf<Function>>(std::move(function)));
    }

  private:
    SimLoop* loop_;
    bool may_run_at_once_;
};

template <class Completion>
SimLoop::Wake SimLoop::begin_wait(Completion completion) {
    Wake wake;
    wake.loop_ = self_;
    wake.id_ = ++last_wait_;
    auto slot = boost::asio::get_associated_cancellation_slot(completion);
    if (slot.is_connected()) slot.assign([wake](boost::asio::cancellation_type) { wake.cancel(); });
    waiters_.emplace(wake.id_, std::make_unique<WaiterOf<Completion>>(std::move(completion)));
    return wake;
}

template <class Started>
Task<void> SimLoop::wait(Started started) {
    const auto executor = co_await boost::asio::this_coro::executor;
    auto& loop = static_cast<SimLoop&>(boost::asio::query(executor, boost::asio::execution::context));
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>,
                                         void(boost::system::error_code)>(
        [&loop, &started](auto completion) { started(loop.begin_wait(std::move(completion))); },
        boost::asio::use_awaitable);
}

}  // namespace relevo
