#include "gateway/webhooks.hpp"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "tests/http/loopback.hpp"

using namespace relevo;

namespace {

// Signed with "secret=<the secret>", body "bad" is not JSON.
struct PlainChannel final : Channel {
    std::string_view name() const override { return "plain"; }
    ChannelLimits limits() const override { return {}; }
    std::string_view credentials() const override { return "plain"; }
    std::string_view verification_secret() const override { return "SECRET"; }
    Result<void> verify(const HttpRequest& request, const Secret& secret) const override {
        if (!secret.empty() && request.header("secret") == secret.reveal())
            return boost::system::in_place_value;
        return Error{Fault::permanent, "webhook.bad_signature", "the signature does not match"};
    }
    Result<Parsed> parse(const HttpRequest& request) const override {
        if (request.body == "bad") return Error{Fault::permanent, "webhook.bad_json", "not JSON"};
        Parsed parsed;
        parsed.inbound.emplace_back();
        parsed.inbound.back().event_id = request.body;
        if (request.body == "button") parsed.answer = R"({"method":"stop"})";
        return parsed;
    }
    Task<Sent> send(Outbound, DeliveryPermit) override { co_return Sent{}; }
};

struct Endpoints final : EndpointStore {
    bool away = false;
    int asked = 0;
    std::int64_t changes = 0;
    Task<std::optional<Endpoint>> find(std::string channel, std::string key) override {
        ++asked;
        if (away) throw Failure({Fault::transient, "postgres.unavailable", "away"});
        if (key != "known") co_return std::nullopt;
        co_return Endpoint{EndpointId{1}, TenantId{7}, channel, "account"};
    }
    Task<std::int64_t> secret_changes() override { co_return changes; }
    Task<std::vector<std::pair<std::string, std::string>>> keys() override {
        co_return std::vector<std::pair<std::string, std::string>>{{"plain", "known"}};
    }
};

struct Secrets final : Vault {
    Task<Secret> find(TenantId, std::string, std::string) override { co_return Secret("right"); }
};

struct Log final : Sink {
    bool away = false;
    std::vector<Record> records;
    explicit Log(boost::asio::io_context& its_io) : io(its_io) {}
    void append(std::vector<Record> more, Appended appended) override {
        std::optional<Error> error;
        if (away) {
            error = Error{Fault::transient, "kafka.unavailable", "away"};
        } else {
            std::move(more.begin(), more.end(), std::back_inserter(records));
        }
        boost::asio::post(io, [appended = std::move(appended), error] { appended(error); });
    }
    boost::asio::io_context& io;
};

struct Bench {
    Bench() { webhooks.add_routes(router); }

    static Channels make_channels() {
        std::vector<std::unique_ptr<Channel>> all;
        all.push_back(std::make_unique<PlainChannel>());
        return Channels(std::move(all));
    }

    // What the server does: the head first, then the whole request.
    HttpResponse post(const std::string& key, const std::string& secret, const std::string& body) {
        HttpRequest request;
        request.method = "POST";
        request.path = request.target = "/webhooks/plain/" + key;
        request.headers = {{"secret", secret}};
        auto refused = loopback::run(io, router.check(request));
        if (refused) return *refused;
        request.body = body;
        return loopback::run(io, router.handle(request));
    }

    boost::asio::io_context io;
    Endpoints store;
    Secrets vault;
    SystemClock clock;
    SeededRandom random{1};
    Metrics metrics;
    Log log{io};
    Channels channels = make_channels();
    EndpointCache cache{store, vault, channels, clock};
    Intake intake{log, clock, random, metrics, "here", Millis{1'000}, {}};
    Webhooks webhooks{channels, cache, intake};
    Router router;
};

}  // namespace

TEST_CASE("an unknown key is a 404 before anything of the body is looked at") {
    Bench bench;
    CHECK(bench.post("unknown", "wrong", "bad").status == 404);
    CHECK(bench.log.records.empty());
}

TEST_CASE("a wrong signature is a 401 that says nothing of the right one") {
    Bench bench;
    const auto response = bench.post("known", "wrong", "bad");
    CHECK(response.status == 401);
    CHECK(response.body.find("right") == std::string::npos);
    CHECK(bench.log.records.empty());
}

TEST_CASE("a body that is not JSON is a 400") {
    Bench bench;
    CHECK(bench.post("known", "right", "bad").status == 400);
}

TEST_CASE("a webhook is answered 200 when the log has it, with the scope that was verified") {
    Bench bench;
    CHECK(bench.post("known", "right", "event-1").status == 200);
    REQUIRE(bench.log.records.size() == 1);
    const auto message = decode_message_received(bench.log.records.front().value);
    REQUIRE(message.has_value());
    CHECK(message->scope == EndpointId{1});
    CHECK(message->inbound.event_id == "event-1");
    const Headers& headers = bench.log.records.front().headers;
    CHECK(headers.installation == "here");
    CHECK(headers.expires.has_value());
    CHECK(headers.traceparent.size() == 55);
}

TEST_CASE("what the provider is to hear is in the 200 and in no refusal") {
    Bench bench;
    CHECK(bench.post("known", "right", "event-1").body == "{}");
    const auto pressed = bench.post("known", "right", "button");
    CHECK(pressed.body == R"({"method":"stop"})");
    CHECK(pressed.content_type == "application/json");
    bench.log.away = true;
    CHECK(bench.post("known", "right", "button").body.find("stop") == std::string::npos);
}

TEST_CASE("a log that cannot take it is a 503 and a metric") {
    Bench bench;
    bench.log.away = true;
    CHECK(bench.post("known", "right", "event-1").status == 503);
    CHECK(bench.metrics.text().find(
              R"(relevo_webhooks_total{channel="plain",code="kafka.unavailable",status="503"} 1)") !=
          std::string::npos);
}

TEST_CASE("webhooks are counted by channel and code, and nobody's path becomes a label") {
    Bench bench;
    bench.post("known", "right", "event-1");
    bench.post("known", "wrong", "event-2");
    HttpRequest request;
    request.method = "POST";
    request.path = request.target = "/webhooks/made-up-by-somebody/known";
    CHECK(loopback::run(bench.io, bench.router.check(request))->status == 404);
    const auto text = bench.metrics.text();
    CAPTURE(text);
    for (const std::string series : {R"({channel="plain",code="",status="200"} 1)",
                                     R"({channel="plain",code="webhook.bad_signature",status="401"} 1)",
                                     R"({channel="none",code="webhook.unknown_key",status="404"} 1)"}) {
        CHECK(text.find("relevo_webhooks_total" + series) != std::string::npos);
    }
    CHECK(text.find("made-up") == std::string::npos);
}

TEST_CASE("an address that was read once is answered while the database is away") {
    Bench bench;
    CHECK(bench.post("known", "right", "event-1").status == 200);
    bench.store.away = true;
    CHECK(bench.post("known", "right", "event-2").status == 200);
    CHECK(bench.store.asked == 1);
}

TEST_CASE("an address that cannot be looked up is a 503, so that the provider comes back") {
    Bench bench;
    bench.store.away = true;
    CHECK(bench.post("known", "right", "event-1").status == 503);
}
