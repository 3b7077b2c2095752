#include <doctest/doctest.h>

#include "core/clock.hpp"
#include "http/client.hpp"
#include "models/openai.hpp"
#include "tests/http/fake_network.hpp"

namespace relevo {
namespace {

using namespace loopback;

/// An agent whose model's address a tenant chose. Whatever address is connected to, `server` answers.
struct Agent {
    explicit Agent(std::map<std::string, FakeNetwork::Answers> names = {}, std::string answer = {})
        : server(io,
                 [answer](tcp::socket socket, int) -> Task<void> {
                     co_await read_to(socket, "\r\n\r\n");
                     co_await asio::async_write(socket, asio::buffer(answer), quiet);
                 }),
          client(io, {}, std::make_unique<FakeNetwork>(io, server.port(), std::move(names), log)) {}

    Error ask(std::string base_url) {
        Prompt prompt;
        prompt.base_url = std::move(base_url);
        prompt.key = Secret("sk-canary");
        prompt.deadline = Millis{5'000};
        const auto answer = run(io, model.complete(std::move(prompt), [](std::string_view) {}));
        REQUIRE(answer.has_error());
        return answer.error();
    }
    // Refused for good, and nobody was asked anything.
    void check_refused(const std::string& base_url) {
        CAPTURE(base_url);
        const Error error = ask(base_url);
        CHECK(error.code == "model.bad_address");
        CHECK(error.fault == Fault::permanent);
        CHECK(log.connected.empty());
        CHECK(server.connections() == 0);
    }

    asio::io_context io{1};
    FakeNetwork::Log log;
    ScriptedServer server;
    PooledHttpClient client;
    SystemClock clock;
    OpenAiProvider model{"https://models.test/v1", client, clock};
};

}  // namespace

TEST_CASE("incident 14: a tenant's address led inside, here none does, by number or by name") {
    Agent literals;
    for (const auto* url : {"http://127.0.0.1/v1", "http://169.254.169.254/latest", "http://10.0.0.7:8080/v1",
                            "http://[::1]:11434/v1", "http://[::ffff:10.0.0.7]/v1", "http://2130706433/",
                            "http://0x7f.0.0.1/", "http://localhost:9200/", "http://127.1/"}) {
        literals.check_refused(url);
    }
    // the filter that looked at literals only let these pass
    Agent names({{"127.0.0.1.nip.io", {{"127.0.0.1"}}},
                 {"app.10-0-0-7.sslip.io", {{"10.0.0.7"}}},
                 {"metadata.test", {{"169.254.169.254"}}},
                 {"both.test", {{"8.8.8.8", "192.168.0.1"}}},
                 {"six.test", {{"fd00::1"}}}});
    for (const auto* host :
         {"127.0.0.1.nip.io", "app.10-0-0-7.sslip.io", "metadata.test", "both.test", "six.test"}) {
        names.check_refused("http://" + std::string(host) + ":8080/v1");
        names.check_refused("https://" + std::string(host) + "/v1");
    }
}

TEST_CASE("incident 14: a redirect inside was followed, here no redirect is") {
    for (const auto* status :
         {"301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"}) {
        Agent agent({{"public.test", {{"8.8.8.8"}}}},
                    std::string("HTTP/1.1 ") + status +
                        "\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n");
        agent.ask("http://public.test/v1");
        CHECK(agent.server.connections() == 1);
        CHECK(agent.log.connected == std::vector<std::string>{"8.8.8.8 80"});
        CHECK(agent.log.resolved == std::vector<std::string>{"public.test"});
    }
}

TEST_CASE("incident 14: a name is resolved once, and what was judged is what is connected to") {
    Agent agent({{"rebind.test", {{"8.8.8.8"}, {"127.0.0.1"}}}});
    agent.ask("http://rebind.test/v1");
    CHECK(agent.log.resolved.size() == 1);
    CHECK(agent.log.connected == std::vector<std::string>{"8.8.8.8 80"});
    CHECK(HttpCall{}.chosen_by == ChosenBy::tenant);  // who forgets to say it is bound
}

}  // namespace relevo
