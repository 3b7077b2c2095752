#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "domain/http.hpp"
#include "tests/identity/issuer.hpp"

namespace relevo::testing {

struct ManualClock final : Clock {
    SysTime now() const override { return time; }
    Task<void> sleep_until(SysTime) override { co_return; }
    SysTime time = from_millis(1'780'000'000'000);
};

/// The pages of a few servers. While it is held, calls wait.
class FakeWeb final : public HttpClient {
  public:
    std::map<std::string, HttpResponse> pages;  // by URL; all others are refused connections
    std::vector<HttpCall> calls;
    bool held = false;

    void page(const std::string& url, std::string body, int status = 200) {
        pages[url] = HttpResponse{.status = status, .body = std::move(body), .headers = {}};
    }
    void release() {
        held = false;
        if (const auto gate = gate_.lock()) gate->cancel();
    }

    Task<boost::system::result<HttpResponse, HttpFault>> send(HttpCall call, BodySink) override {
        calls.push_back(call);
        if (held) {
            auto gate = gate_.lock();
            if (!gate) {
                gate = std::make_shared<boost::asio::steady_timer>(
                    co_await boost::asio::this_coro::executor, boost::asio::steady_timer::time_point::max());
                gate_ = gate;
            }
            co_await gate->async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        }
        const auto found = pages.find(call.url);
        if (found == pages.end()) co_return HttpFault{Reached::no, "connection refused"};
        co_return found->second;
    }

  private:
    std::weak_ptr<boost::asio::steady_timer> gate_;  // of those who wait
};

template <class T>
T run(Task<T> task) {
    boost::asio::io_context io;
    std::optional<T> out;
    boost::asio::co_spawn(
        io,
        [](Task<T> its_task, std::optional<T>& its_out) -> Task<void> {
            its_out.emplace(co_await std::move(its_task));
        }(std::move(task), out),
        [](std::exception_ptr error) {
            if (error) std::rethrow_exception(error);
        });
    io.run();
    return std::move(out.value());
}

inline void run(Task<void> task) {
    boost::asio::io_context io;
    boost::asio::co_spawn(io, std::move(task), [](std::exception_ptr error) {
        if (error) std::rethrow_exception(error);
    });
    io.run();
}

const std::string auth0 = "https://shop.example.auth0.com/";
const std::string auth0_keys = "https://shop.example.auth0.com/.well-known/jwks.json";

inline IssuerSettings issuer_settings(JwtAlgorithm algorithm = JwtAlgorithm::rs256) {
    IssuerSettings settings;
    settings.issuer = auth0;
    settings.audience = "https://api.relevo.example";
    settings.algorithms = {algorithm};
    settings.jwks_uri = auth0_keys;
    return settings;
}

const std::string good_claims =
    R"({"iss":"https://shop.example.auth0.com/","sub":"auth0|5f7c8ec7c33c6c004bbafe82",)"
    R"("aud":"https://api.relevo.example","iat":1779999990,"exp":1780003600,"email":"ana@example.com",)"
    R"("email_verified":true,"name":"Ana"})";

inline std::string token_of(const std::string& header, const std::string& claims, const SigningKey& key,
                            JwtAlgorithm algorithm) {
    const std::string part = base64url(header) + "." + base64url(claims);
    return part + "." + base64url(key.sign(algorithm, part));
}

}  // namespace relevo::testing
