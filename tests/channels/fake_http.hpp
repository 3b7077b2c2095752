#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "domain/channel.hpp"
#include "domain/stores.hpp"

namespace relevo::testing {

/// A provider that answers each call with what was prepared, and keeps the calls.
class FakeHttp final : public HttpClient {
  public:
    void answer(int status, std::string body, HttpHeaders headers = {}) {
        next_ = HttpResponse{.status = status, .body = std::move(body), .headers = std::move(headers)};
    }
    void fail(Reached reached, std::string text) { next_ = HttpFault{reached, std::move(text)}; }

    Task<boost::system::result<HttpResponse, HttpFault>> send(HttpCall call, BodySink) override {
        calls.push_back(std::move(call));
        if (const auto* fault = std::get_if<HttpFault>(&next_)) co_return *fault;
        co_return std::get<HttpResponse>(next_);
    }

    std::vector<HttpCall> calls;

  private:
    std::variant<HttpResponse, HttpFault> next_;
};

/// Only the ledger makes permits: this is the part of it that tests may have.
class Ledger : public RelayStore {
  public:
    static DeliveryPermit allow(ReplyId reply, int attempt = 1) { return permit(reply, attempt); }
};

template <class T>
T run(Task<T> task) {
    boost::asio::io_context io;
    std::optional<T> result;
    boost::asio::co_spawn(io, std::move(task), [&](std::exception_ptr error, T value) {
        if (error) std::rethrow_exception(error);
        result = std::move(value);
    });
    io.run();
    return std::move(result).value();
}

inline void run(Task<void> task) {
    boost::asio::io_context io;
    boost::asio::co_spawn(io, std::move(task), [](std::exception_ptr error) {
        if (error) std::rethrow_exception(error);
    });
    io.run();
}

inline const ReplyId some_reply = agent_reply_id(TurnId{}, 0);

inline HttpRequest webhook(std::string body, HttpHeaders headers = {}) {
    HttpRequest request;
    request.method = "POST";
    request.headers = std::move(headers);
    request.body = std::move(body);
    return request;
}

}  // namespace relevo::testing
