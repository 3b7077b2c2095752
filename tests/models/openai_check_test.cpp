#include <doctest/doctest.h>

#include "models/openai.hpp"
#include "tests/models/fakes.hpp"

namespace relevo {
namespace {

using State = ModelCheck::State;

constexpr auto key = "sk-canary-0123456789";
constexpr auto models = R"({"object":"list","data":[{"id":"small","object":"model"},{"id":7},3]})";

struct Server {
    SkippingClock clock;
    ScriptedHttp http{clock};
    OpenAiProvider provider{"https://models.test/v1/", http, clock};

    /// Of a server that answers so; after that it asks for a key.
    ModelCheck check(Scripted answer, std::string model = "small") {
        http.script.clear();
        http.script.push_back(std::move(answer));
        http.script.push_back({.status = 401, .parts = {"{}"}});
        return check(std::move(model), {}, Secret(key));
    }
    ModelCheck check(std::string model, std::string base_url, Secret with) {
        http.calls.clear();
        auto result = run(provider.check_model(std::move(base_url), std::move(model), std::move(with)));
        CHECK(result.text.find("canary") == std::string::npos);
        return result;
    }
};

}  // namespace

TEST_CASE("a key that opens the list in which the model stands is taken") {
    Server server;
    CHECK(server.check({.parts = {models}}).state == State::known);
    REQUIRE(server.http.calls.size() == 2);
    for (const auto& call : server.http.calls) {
        CHECK(call.method == "GET");
        CHECK(call.url == "https://models.test/v1/models");
        CHECK(call.chosen_by == ChosenBy::installation);
    }
    const std::pair<std::string, std::string> authorization{"Authorization", std::string("Bearer ") + key};
    CHECK(server.http.calls[0].headers.back() == authorization);
    CHECK(server.http.calls[1].headers.size() == 1);
}

TEST_CASE("a list that is shown to whoever asks says nothing of the key") {
    Server server;
    const Scripted list{.parts = {models}};
    server.http.script.assign(2, list);
    CHECK(server.check("small", {}, Secret(key)).state == State::open);
    server.http.script.assign(1, list);
    CHECK(server.check("small", "http://10.0.0.1:8000/v1", Secret()).state == State::open);
    REQUIRE(server.http.calls.size() == 1);
    CHECK(server.http.calls[0].url == "http://10.0.0.1:8000/v1/models");
    CHECK(server.http.calls[0].chosen_by == ChosenBy::tenant);
}

TEST_CASE("a model is found under the name that its server takes, which the list may lengthen") {
    Server server;
    const Scripted list{.parts = {R"([{"id":"models/gemini-9"},{"id":"llama:latest"},{"id":"llama:8b"}])"}};
    for (const std::string model : {"gemini-9", "models/gemini-9", "llama", "llama:8b"}) {
        CHECK(server.check(list, model).state == State::known);
    }
    for (const std::string model : {"gemini", "lama", ""}) {
        const auto check = server.check(list, model);
        CHECK(check.state == State::unlisted);
        CHECK(check.text == "models.test lists 3 models, and not this one");
    }
}

TEST_CASE("a refused key, a server without a list and one that is away are told apart") {
    Server server;
    const auto state = [&](int status, std::string body) {
        return server.check({.status = status, .parts = {std::move(body)}}).state;
    };
    const std::string quoting = R"({"error":{"message":"Incorrect API key: sk-canary-0123456789"}})";
    CHECK(state(401, quoting) == State::refused);
    CHECK(state(403, quoting) == State::refused);
    CHECK(state(402, "{}") == State::refused);
    CHECK(state(404, "<html>") == State::unlisted);
    CHECK(state(200, "<html>") == State::unlisted);
    CHECK(state(200, "7") == State::unlisted);
    CHECK(state(429, "{}") == State::unknown);
    CHECK(state(503, quoting) == State::unknown);
    CHECK(server.check({.parts = {}, .fault = HttpFault{Reached::no, "no route"}}).state == State::unknown);
    const HttpFault forbidden{Reached::no, "10.0.0.1 is no public address", true};
    CHECK(server.check({.parts = {}, .fault = forbidden}).state == State::bad_address);
}

}  // namespace relevo
