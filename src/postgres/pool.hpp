#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "postgres/database.hpp"

namespace relevo {

struct DatabaseCall {
    std::string op;
    TenantId tenant;
    std::string request;
};

/// A call between the coroutine that waits and the thread that runs it. Whichever side is first, the other
/// finds out: a result for nobody is thrown away, and an executor that is gone is never touched.
class WaitingCall {
  public:
    explicit WaitingCall(DatabaseCall call) : call_(std::move(call)) {}

    const std::string& op() const { return call_.op; }
    const DatabaseCall& call() const { return call_; }

    // The coroutine's side, on its executor.
    void on_result(boost::asio::any_io_executor executor, std::function<void()> wake);
    void abandon();
    bool done() const;
    Result<std::string> take();

    // The pool's side.
    bool abandoned() const;
    static void finish(const std::shared_ptr<WaitingCall>& call, Result<std::string> result);

    std::uint64_t place = 0;  ///< in the order of arrival

  private:
    const DatabaseCall call_;
    mutable std::mutex mutex_;
    bool abandoned_ = false;
    boost::asio::any_io_executor executor_;
    std::function<void()> wake_;
    std::optional<Result<std::string>> result_;
};

using Batch = std::vector<std::shared_ptr<WaitingCall>>;

/// One connection and what it does with a batch; for one thread.
class Connection;

/// The queue and its threads.
class Database::Pool {
  public:
    explicit Pool(DatabaseConfig config);
    ~Pool();

    const DatabaseConfig& config() const { return config_; }
    /// Throws Failure "postgres.unavailable" where the queue is full.
    void submit(std::shared_ptr<WaitingCall> call);
    std::size_t waiting() const;

  private:
    void run(Connection& connection);
    Batch take_batch();
    void pause(Millis wait);
    void cut_hung_connections();

    DatabaseConfig config_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;
    std::uint64_t arrived_ = 0;
    std::size_t waiting_ = 0;
    // by operation: a batch is of one
    std::map<std::string, std::deque<std::shared_ptr<WaitingCall>>> queues_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<std::thread> threads_;
};

}  // namespace relevo
