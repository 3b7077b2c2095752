#include "runtime/sink.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

namespace relevo {
namespace {

namespace asio = boost::asio;

// A coroutine that waits, until the first of: the answer, its cancellation.
template <class Handler>
class Waiting {
  public:
    explicit Waiting(Handler handler)
        : slot(asio::get_associated_cancellation_slot(handler)), handler_(std::move(handler)) {}

    void resume(std::optional<Error> error) {
        if (!handler_) return;
        Handler handler = *std::exchange(handler_, std::nullopt);
        const auto executor = asio::get_associated_executor(handler);
        asio::post(executor, [handler = std::move(handler), error = std::move(error), slot = slot]() mutable {
            slot.clear();
            std::move(handler)(std::move(error));
        });
    }

    asio::cancellation_slot slot;

  private:
    std::optional<Handler> handler_;
};

}  // namespace

Task<void> Sink::publish(std::vector<Record> records) {
    const auto start = [this](auto handler, std::vector<Record> all) {
        const auto waiting = std::make_shared<Waiting<decltype(handler)>>(std::move(handler));
        if (waiting->slot.is_connected()) {
            waiting->slot.assign([weak = std::weak_ptr(waiting)](asio::cancellation_type) {
                if (const auto still = weak.lock()) {
                    still->resume(
                        Error{Fault::transient, "kafka.unavailable",
                              "it was cancelled while it was being written, and may be there all the same"});
                }
            });
        }
        append(std::move(all), [waiting](std::optional<Error> error) { waiting->resume(std::move(error)); });
    };
    const auto error =
        co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::optional<Error>)>(
            start, asio::use_awaitable, std::move(records));
    if (error) throw Failure(*error);
}

}  // namespace relevo
