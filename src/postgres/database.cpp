#include "postgres/database.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "postgres/pool.hpp"

namespace relevo {

Database::Database(DatabaseConfig config) : pool_(std::make_unique<Pool>(std::move(config))) {}

Database::Database() = default;
Database::~Database() = default;

std::size_t Database::waiting() const {
    return pool_ ? pool_->waiting() : 0;
}

namespace {

/// A call's place in the coroutine that waits for it. Its end, in whatever way, lets the pool forget the
/// coroutine.
class Wait {
  public:
    Wait(boost::asio::any_io_executor executor, DatabaseCall call, Millis deadline)
        : timer_(executor), call_(std::make_shared<WaitingCall>(std::move(call))) {
        timer_.expires_after(deadline);
        call_->on_result(std::move(executor), [timer = &timer_] { timer->cancel(); });
    }
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;
    ~Wait() { call_->abandon(); }

    const std::shared_ptr<WaitingCall>& call() const { return call_; }

    Task<Result<std::string>> result() {
        boost::system::error_code error;
        if (!call_->done())
            co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, error));
        if (call_->done()) co_return call_->take();
        if (error) throw boost::system::system_error(error);  // the caller was cancelled
        co_return Error{Fault::transient, "postgres.unavailable",
                        call_->op() + ": no answer within the deadline"};
    }

  private:
    boost::asio::steady_timer timer_;
    std::shared_ptr<WaitingCall> call_;
};

}  // namespace

Task<std::string> Database::call(std::string op, TenantId tenant, std::string request,
                                 std::optional<Millis> deadline) {
    auto executor = co_await boost::asio::this_coro::executor;
    DatabaseObserver* const observer = pool_->config().observer;
    if (observer) observer->asked(op);
    Wait wait(executor, {std::move(op), tenant, std::move(request)},
              deadline.value_or(pool_->config().deadline));
    pool_->submit(wait.call());
    Result<std::string> result = co_await wait.result();
    if (observer) observer->answered(wait.call()->op(), !result);
    co_return std::move(result).value();
}

Task<std::vector<std::string>> Database::call_all(std::string op,
                                                  std::vector<std::pair<TenantId, std::string>> requests) {
    auto executor = co_await boost::asio::this_coro::executor;
    DatabaseObserver* const observer = pool_->config().observer;
    if (observer) observer->asked(op);
    std::vector<std::unique_ptr<Wait>> waits;
    for (auto& [tenant, request] : requests) {
        waits.push_back(std::make_unique<Wait>(executor, DatabaseCall{op, tenant, std::move(request)},
                                               pool_->config().deadline));
        pool_->submit(waits.back()->call());
    }
    std::vector<std::string> results;
    std::optional<Error> failed;
    for (auto& wait : waits) {
        Result<std::string> result = co_await wait->result();
        if (result) {
            results.push_back(std::move(*result));
        } else if (!failed) {
            failed = result.error();
        }
    }
    if (observer) observer->answered(op, failed.has_value());
    if (failed) throw Failure(*failed);
    co_return results;
}

Task<void> Database::ping() {
    co_await call("ping", TenantId{}, "{}", Millis{2'000});
}

}  // namespace relevo
