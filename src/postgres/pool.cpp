#include "postgres/pool.hpp"

#include <boost/asio/post.hpp>

#include "core/log.hpp"
#include "postgres/connection.hpp"

namespace relevo {

// ---- WaitingCall

void WaitingCall::on_result(boost::asio::any_io_executor executor, std::function<void()> wake) {
    const std::lock_guard lock(mutex_);
    executor_ = std::move(executor);
    wake_ = std::move(wake);
}

void WaitingCall::abandon() {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    wake_ = nullptr;
    executor_ = {};
}

bool WaitingCall::abandoned() const {
    const std::lock_guard lock(mutex_);
    return abandoned_;
}

bool WaitingCall::done() const {
    const std::lock_guard lock(mutex_);
    return result_.has_value();
}

Result<std::string> WaitingCall::take() {
    const std::lock_guard lock(mutex_);
    return std::move(*result_);
}

void WaitingCall::finish(const std::shared_ptr<WaitingCall>& call, Result<std::string> result) {
    const std::lock_guard lock(call->mutex_);
    if (call->abandoned_ || call->result_) return;
    call->result_ = std::move(result);
    // Under the lock: the executor lives at least until the coroutine's end, which waits for it in `abandon`.
    boost::asio::post(call->executor_, [call] {
        std::function<void()> wake;
        {
            const std::lock_guard again(call->mutex_);
            wake = call->wake_;
        }
        if (wake) wake();
    });
}

// ---- Pool

Database::Pool::Pool(DatabaseConfig config) : config_(std::move(config)) {
    for (int i = 0; i < config_.connections; ++i)
        connections_.push_back(std::make_unique<Connection>(config_));
    for (auto& connection : connections_) threads_.emplace_back([this, &connection] { run(*connection); });
}

Database::Pool::~Pool() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        for (auto& connection : connections_) connection->close();
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
    const Error stopped{Fault::transient, "postgres.unavailable", "the process is stopping"};
    for (auto& [op, queue] : queues_) {
        for (auto& call : queue) WaitingCall::finish(call, stopped);
    }
}

std::size_t Database::Pool::waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_;
}

void Database::Pool::submit(std::shared_ptr<WaitingCall> call) {
    {
        const std::lock_guard lock(mutex_);
        if (waiting_ >= config_.max_waiting || stopping_) {
            throw Failure({Fault::transient, "postgres.unavailable",
                           call->op() + ": too many calls are waiting for PostgreSQL"});
        }
        call->place = arrived_++;
        ++waiting_;
        queues_[call->op()].push_back(std::move(call));
        cut_hung_connections();
    }
    changed_.notify_one();
}

// A server that is frozen, or a network that swallows everything, answers neither the statement nor its
// timeout: the socket is closed under the thread that waits.
void Database::Pool::cut_hung_connections() {
    for (auto& connection : connections_) {
        if (connection->busy_for() > config_.deadline + Millis{5'000}) connection->cut();
    }
}

Batch Database::Pool::take_batch() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopping_ || waiting_ > 0; });
    Batch batch;
    if (stopping_) return batch;
    // the operation whose first call waits longest
    auto next = queues_.end();
    for (auto queue = queues_.begin(); queue != queues_.end(); ++queue) {
        if (queue->second.empty()) continue;
        if (next == queues_.end() || queue->second.front()->place < next->second.front()->place) next = queue;
    }
    auto& queue = next->second;
    while (!queue.empty() && batch.size() < config_.max_batch) {
        if (!queue.front()->abandoned()) batch.push_back(std::move(queue.front()));
        queue.pop_front();
        --waiting_;
    }
    return batch;
}

void Database::Pool::pause(Millis wait) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, wait, [this] { return stopping_; });
}

void Database::Pool::run(Connection& connection) {
    Millis away{0};  // how long the last try to connect made us wait
    while (true) {
        Batch batch = take_batch();
        {
            const std::lock_guard lock(mutex_);
            if (stopping_) {
                for (auto& call : batch) {
                    WaitingCall::finish(
                        call, Error{Fault::transient, "postgres.unavailable", "the process is stopping"});
                }
                return;
            }
        }
        // Operations are idempotent, so a call whose connection broke runs once more, on a new one: after a
        // restart of the server each thread has a dead connection, which no caller should notice.
        std::optional<Error> refused;
        for (int tries = 0; tries < 2 && !batch.empty() && !refused; ++tries) {
            refused = connection.open();
            if (!refused) batch = connection.run(batch);
        }
        for (auto& call : batch) {
            WaitingCall::finish(call,
                                refused.value_or(Error{Fault::transient, "postgres.unavailable",
                                                       call->op() + ": the connection was lost twice"}));
        }
        if (!refused) {
            away = Millis{0};
            continue;
        }
        if (away == Millis{0}) log_warn("postgres.unavailable", {{"text", refused->text}});
        away = std::min(std::max(away * 2, Millis{100}), Millis{2'000});
        pause(away);
    }
}

}  // namespace relevo
