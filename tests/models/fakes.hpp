#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <exception>
#include <optional>
#include <utility>

#include "core/clock.hpp"
#include "domain/http.hpp"

namespace relevo {

/// Sleeping takes no time but the clock's own.
class SkippingClock final : public Clock {
  public:
    SysTime now() const override { return now_; }
    Task<void> sleep_until(SysTime when) override {
        ++sleeps;
        now_ = std::max(now_, when);
        co_return;
    }
    void advance(Millis by) { now_ += by; }

    int sleeps = 0;

  private:
    SysTime now_ = from_millis(1'763'700'000'000);
};

/// One answer of the fake server. Where `fault` is set the exchange ends with it after the parts.
struct Scripted {
    int status = 200;
    std::vector<std::string> parts;
    HttpHeaders headers = {};
    std::optional<HttpFault> fault = std::nullopt;
    Millis takes{0};
};

/// Answers calls from a script, in order, as HttpClient promises: a sink gets the parts of 2xx responses
/// only.
class ScriptedHttp final : public HttpClient {
  public:
    explicit ScriptedHttp(SkippingClock& clock) : clock_(clock) {}

    Task<boost::system::result<HttpResponse, HttpFault>> send(HttpCall call, BodySink sink) override {
        calls.push_back(call);
        if (script.empty()) co_return HttpFault{Reached::no, "the script is over"};
        const Scripted next = std::move(script.front());
        script.pop_front();
        HttpResponse response{.status = next.status, .body = {}, .content_type = {}, .headers = next.headers};
        for (const auto& part : next.parts) {
            if (sink && next.status / 100 == 2) {
                sink(part);
            } else {
                response.body += part;
            }
        }
        clock_.advance(next.takes);
        if (next.fault) co_return *next.fault;
        co_return response;
    }

    std::deque<Scripted> script;
    std::vector<HttpCall> calls;

  private:
    SkippingClock& clock_;
};

/// Runs a task that waits for nothing outside of it.
template <class T>
T run(Task<T> task) {
    boost::asio::io_context io;
    std::optional<T> out;
    boost::asio::co_spawn(io, std::move(task), [&out](std::exception_ptr error, T value) {
        if (error) std::rethrow_exception(error);
        out.emplace(std::move(value));
    });
    io.run();
    return std::move(out.value());
}

}  // namespace relevo
