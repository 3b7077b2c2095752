#include "identity/issuer_keys.hpp"

#include <doctest/doctest.h>

#include "tests/identity/fakes.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

constexpr Millis half_a_minute{30'000};
constexpr Millis ten_minutes{600'000};
constexpr Millis a_day{86'400'000};

struct Bench {
    explicit Bench(IssuerSettings given = issuer_settings()) : settings(std::move(given)) {
        publish({"old"});
    }

    void publish(std::initializer_list<std::string> ids) {
        std::string set;
        for (const auto& id : ids) set += (set.empty() ? "" : ",") + rsa_key().jwk(id);
        web.page(auth0_keys, R"({"keys":[)" + set + "]}");
    }
    std::string find(std::optional<std::string> id) {
        const auto found = run(keys.find(std::move(id)));
        return found ? std::to_string(found->size()) : found.error().code;
    }

    IssuerSettings settings;
    ManualClock clock;
    FakeWeb web;
    IssuerKeys keys{settings, web, clock};
};

}  // namespace

TEST_CASE("keys are fetched once, with a deadline and a bound, from where the operator says") {
    Bench it;
    for (int i = 0; i < 100; ++i) CHECK(it.find("old") == "1");
    REQUIRE(it.web.calls.size() == 1);
    const HttpCall& call = it.web.calls.front();
    CHECK(call.method == "GET");
    CHECK(call.url == auth0_keys);
    CHECK(call.body.empty());
    CHECK(call.deadline == Millis{5'000});
    CHECK(call.max_response_bytes == 256 * 1024);
    CHECK(call.chosen_by == ChosenBy::installation);
}

TEST_CASE(
    "a key that was rotated in is known with the first token that names it, and one that is out is gone") {
    Bench it;
    CHECK(it.find("old") == "1");
    it.publish({"new", "old"});
    it.clock.time += half_a_minute;
    CHECK(it.find("new") == "1");
    CHECK(it.find("old") == "1");
    CHECK(it.web.calls.size() == 2);
    it.publish({"new"});
    it.clock.time += ten_minutes;
    CHECK(it.find("old") == "1");  // used once more while the issuer is asked
    CHECK(it.find("old") == "identity.unknown_key");
    CHECK(it.web.calls.size() == 3);
}

TEST_CASE("a key that was withdrawn while nobody asked opens nothing") {
    Bench it;
    CHECK(it.find("old") == "1");
    it.publish({"new"});
    it.clock.time += 2 * ten_minutes;
    CHECK(it.find("old") == "identity.unknown_key");
    CHECK(it.find("new") == "1");
    CHECK(it.web.calls.size() == 2);
}

TEST_CASE("who asked for keys may end after them") {
    boost::asio::io_context io;
    {
        Bench it;
        it.web.held = true;
        boost::asio::co_spawn(io, it.keys.find("old"), [](std::exception_ptr, auto) {});
        io.poll();
        CHECK(it.web.calls.size() == 1);
    }
}

TEST_CASE("forged names of keys reach the issuer twice a minute, however many there are") {
    Bench it;
    CHECK(it.find("old") == "1");
    for (int second = 0; second < 300; ++second) {
        it.clock.time += Millis{1'000};
        for (int i = 0; i < 20; ++i) {
            CHECK(it.find("forged" + std::to_string(second * 20 + i)) == "identity.unknown_key");
        }
        CHECK(it.find("old") == "1");
    }
    CHECK(it.web.calls.size() == 1 + 10);
}

TEST_CASE("a thousand sign-ins at the moment of a rotation ask the issuer once, and all get in") {
    Bench it;
    CHECK(it.find("old") == "1");
    it.publish({"new", "old"});
    it.clock.time += half_a_minute;
    it.web.held = true;
    boost::asio::io_context io;
    int in = 0;
    int out = 0;
    for (int i = 0; i < 1'000; ++i) {
        const std::string id = i % 4 == 0 ? "old" : i % 4 == 1 ? "forged" : "new";
        boost::asio::co_spawn(io, it.keys.find(id), [&](std::exception_ptr error, auto found) {
            if (error) std::rethrow_exception(error);
            ++(found ? in : out);
        });
    }
    io.poll();
    CHECK(in == 250);  // whose key is known waits for nobody
    CHECK(out == 0);
    it.web.release();
    io.run();
    CHECK(in == 750);
    CHECK(out == 250);
    CHECK(it.web.calls.size() == 2);
}

TEST_CASE("what comes while old keys are read again waits for that answer") {
    Bench it;
    CHECK(it.find("old") == "1");
    it.publish({"new"});
    it.clock.time += ten_minutes;
    it.web.held = true;
    boost::asio::io_context io;
    std::vector<std::string> results;
    const auto find = [&](const std::string& id) {
        boost::asio::co_spawn(io, it.keys.find(id), [&, id](std::exception_ptr, auto found) {
            results.push_back(id + (found ? " in" : " out"));
        });
    };
    find("old");
    find("new");
    io.poll();
    CHECK(results == std::vector<std::string>{"old in"});
    it.web.release();
    io.run();
    CHECK(results == std::vector<std::string>{"old in", "new in"});
    CHECK(it.web.calls.size() == 2);
}

TEST_CASE("while the issuer is away its keys count, for a day") {
    Bench it;
    CHECK(it.find("old") == "1");
    it.web.pages.clear();
    it.clock.time += ten_minutes;
    const std::size_t before = it.web.calls.size();
    CHECK(it.find("old") == "1");
    CHECK(it.find("new") == "identity.unknown_key");
    CHECK(it.web.calls.size() == before + 1);
    it.clock.time += a_day - ten_minutes - Millis{1};
    CHECK(it.find("old") == "1");
    it.clock.time += half_a_minute;
    CHECK(it.find("old") == "identity.issuer_unavailable");
    it.publish({"old"});
    it.clock.time += half_a_minute;
    CHECK(it.find("old") == "1");
}

TEST_CASE("an answer that holds no keys is no answer: the last ones stay") {
    Bench it;
    CHECK(it.find("old") == "1");
    for (const auto& [body, status] : {std::pair<std::string, int>{"", 200},
                                       {"<html>", 200},
                                       {R"({"keys":[]})", 200},
                                       {"{}", 200},
                                       {key_set({rsa_key().jwk("new")}), 500},
                                       {key_set({rsa_key().jwk("new")}), 302}}) {
        CAPTURE(body);
        CAPTURE(status);
        it.web.page(auth0_keys, body, status);
        it.clock.time += ten_minutes;
        CHECK(it.find("old") == "1");
        CHECK(it.find("new") == "identity.unknown_key");
    }
}

TEST_CASE("where the keys were never read the same token may do later") {
    Bench it;
    it.web.pages.clear();
    const auto found = run(it.keys.find("old"));
    REQUIRE_FALSE(found.has_value());
    CHECK(found.error().code == "identity.issuer_unavailable");
    CHECK(found.error().fault == Fault::transient);
    CHECK(found.error().retry_after == half_a_minute);
    CHECK(it.find("old") == "identity.issuer_unavailable");
    CHECK(it.web.calls.size() == 1);
    it.publish({"old"});
    it.clock.time += half_a_minute;
    CHECK(it.find("old") == "1");
}

TEST_CASE("a sign-in that is given up lets the next one ask") {
    Bench it;
    it.web.held = true;
    {
        boost::asio::io_context io;
        boost::asio::co_spawn(io, it.keys.find("old"), [](std::exception_ptr, auto) {});
        io.poll();
        CHECK(it.web.calls.size() == 1);
    }
    it.web.held = false;
    it.clock.time += half_a_minute;
    CHECK(it.find("old") == "1");
}

TEST_CASE("a token that names no key is the issuer's only key's") {
    Bench it;
    CHECK(it.find({}) == "1");
    it.publish({"new", "old"});
    it.clock.time += half_a_minute;
    CHECK(it.find("new") == "1");
    CHECK(it.find({}) == "identity.unknown_key");
}

TEST_CASE("an OpenID provider's own page says where its keys are") {
    IssuerSettings settings = issuer_settings();
    settings.jwks_uri.clear();
    Bench it(settings);
    const std::string page = "https://shop.example.auth0.com/.well-known/openid-configuration";
    const auto discovery = [](const std::string& issuer, const std::string& keys) {
        return R"({"issuer":")" + issuer + R"(","jwks_uri":")" + keys + R"("})";
    };
    it.web.page(page, discovery(auth0, auth0_keys));
    CHECK(it.find("old") == "1");
    REQUIRE(it.web.calls.size() == 2);
    CHECK(it.web.calls[0].url == page);
    CHECK(it.web.calls[1].chosen_by == ChosenBy::installation);

    // elsewhere: the issuer chose the address, so that it must be a public one
    const std::string elsewhere = "https://keys.example.net/set";
    it.web.page(elsewhere, key_set({rsa_key().jwk("new")}));
    it.web.page(page, discovery(auth0, elsewhere));
    it.clock.time += half_a_minute;
    CHECK(it.find("new") == "1");
    CHECK(it.web.calls.back().url == elsewhere);
    CHECK(it.web.calls.back().chosen_by == ChosenBy::tenant);

    for (const auto& [issuer, keys] :
         {std::pair<std::string, std::string>{"https://evil.example/", auth0_keys},
          {auth0, "http://keys.example.net/set"},
          {auth0, "https://user:password@keys.example.net/set"},
          {auth0, "file:///etc/keys"},
          {auth0, ""}}) {
        CAPTURE(issuer);
        CAPTURE(keys);
        it.web.page(page, discovery(issuer, keys));
        it.clock.time += half_a_minute;
        CHECK(it.find("old") == "identity.unknown_key");
        CHECK(it.web.calls.back().url == page);
    }
}

TEST_CASE("an issuer of this machine may do without TLS") {
    for (const std::string host : {"127.0.0.1:8080", "localhost:8080", "[::1]:8080"}) {
        CAPTURE(host);
        IssuerSettings settings = issuer_settings();
        settings.jwks_uri = "http://" + host + "/keys";
        Bench it(settings);
        it.web.page(settings.jwks_uri, key_set({rsa_key().jwk("old")}));
        CHECK(it.find("old") == "1");
    }
}
