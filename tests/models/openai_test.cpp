#include "models/openai.hpp"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include "models/openai_errors.hpp"
#include "tests/models/fakes.hpp"

namespace relevo {
namespace {

constexpr auto key = "sk-canary-0123456789";

struct Server {
    SkippingClock clock;
    ScriptedHttp http{clock};
    OpenAiProvider provider{"https://models.test/v1/", http, clock};
    std::vector<std::string> deltas;

    Result<Completion> ask(Prompt prompt) {
        return run(provider.complete(std::move(prompt),
                                     [this](std::string_view part) { deltas.emplace_back(part); }));
    }
    Result<Completion> ask(Scripted answer) {
        http.script.push_back(std::move(answer));
        return ask(prompt());
    }
    Error error(Scripted answer) {
        auto result = ask(std::move(answer));
        REQUIRE(result.has_error());
        CHECK(result.error().text.find("canary") == std::string::npos);
        CHECK(result.error().text.find("models.test") != std::string::npos);
        return result.error();
    }
    static Prompt prompt() {
        Prompt prompt;
        prompt.model = "small";
        prompt.key = Secret(key);
        prompt.messages = {{PromptMessage::Role::system, "Sé breve."},
                           {PromptMessage::Role::user, "¿Tenés puntas?"},
                           {PromptMessage::Role::assistant, "Sí."}};
        return prompt;
    }
};

std::string chunk(const std::string& delta, const std::string& reason = "null") {
    return R"(data: {"id":"c1","model":"small-1","choices":[{"index":0,"delta":)" + delta +
           R"(,"finish_reason":)" + reason + "}]}\n\n";
}

Scripted refusal(int status, std::string body, HttpHeaders headers = {}) {
    return {.status = status, .parts = {std::move(body)}, .headers = std::move(headers)};
}

Scripted unknown_parameter(const std::string& name) {
    return refusal(400, R"({"error":{"message":"Unknown parameter","param":")" + name +
                            R"(","code":"unsupported_parameter"}})");
}

const std::string done = "data: [DONE]\n\n";

}  // namespace

TEST_CASE("a streamed answer is put together, told part by part, and its usage counted") {
    Server server;
    const auto answer = server.ask(
        {.parts = {": hello\n\n" + chunk(R"({"role":"assistant","content":""})"),
                   chunk(R"({"content":"Hola"})"), chunk(R"({"content":", Ana"})"), chunk("{}", "\"stop\""),
                   "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":3}}\n\n",
                   done}});
    REQUIRE(answer.has_value());
    CHECK(answer->text == "Hola, Ana");
    CHECK(answer->finish_reason == "stop");
    CHECK(answer->model == "small-1");
    CHECK(answer->response_id == "c1");
    CHECK(answer->usage.input_tokens == 12);
    CHECK(answer->usage.output_tokens == 3);
    CHECK(answer->usage.reported);
    CHECK(server.deltas == std::vector<std::string>{"Hola", ", Ana"});
}

TEST_CASE("the request says what the prompt says, streamed, with usage, and the key in its header only") {
    Server server;
    server.ask({.parts = {chunk(R"({"content":"a"})", "\"stop\""), done}}).value();
    const auto& call = server.http.calls.at(0);
    CHECK(call.url == "https://models.test/v1/chat/completions");
    CHECK(call.method == "POST");
    CHECK(call.deadline == Millis{90'000});
    const HttpRequest sent{
        .method = {}, .target = {}, .path = {}, .headers = call.headers, .body = {}, .peer = {}};
    CHECK(sent.header("authorization") == std::string("Bearer ") + key);
    CHECK(call.body.find("canary") == std::string::npos);
    rapidjson::Document body;
    body.Parse(call.body.c_str());
    CHECK(body["model"] == "small");
    CHECK(body["stream"] == true);
    CHECK(body["stream_options"]["include_usage"] == true);
    CHECK(body["max_completion_tokens"] == 1024);
    CHECK(body["temperature"].GetDouble() == 0.7);
    REQUIRE(body["messages"].Size() == 3);
    CHECK(body["messages"][0]["role"] == "system");
    CHECK(body["messages"][1]["role"] == "user");
    CHECK(body["messages"][1]["content"] == "¿Tenés puntas?");
    CHECK(body["messages"][2]["role"] == "assistant");
}

TEST_CASE(
    "the agent's own address wins, gets the parameter that all servers know, and no key where there is "
    "none") {
    Server server;
    server.http.script.push_back({.parts = {chunk(R"({"content":"a"})", "\"stop\""), done}});
    auto prompt = Server::prompt();
    prompt.base_url = "http://10.0.0.7:11434/v1";
    prompt.key = Secret();
    CHECK(server.ask(prompt).has_value());
    const auto& call = server.http.calls.at(0);
    CHECK(call.url == "http://10.0.0.7:11434/v1/chat/completions");
    CHECK(call.body.find("\"max_tokens\":1024") != std::string::npos);
    for (const auto& header : call.headers) CHECK(header.first != "authorization");
}

TEST_CASE("a parameter that the model does not take is left out, and the call made once more") {
    Server server;
    server.http.script.push_back(refusal(
        400,
        R"({"error":{"message":"Unsupported value","param":"temperature","code":"unsupported_value"}})"));
    server.http.script.push_back(unknown_parameter("stream_options"));
    server.http.script.push_back(unknown_parameter("max_completion_tokens"));
    server.http.script.push_back(unknown_parameter("max_tokens"));
    server.http.script.push_back({.parts = {chunk(R"({"content":"a"})", "\"stop\""), done}});
    CHECK(server.ask(Server::prompt())->text == "a");
    REQUIRE(server.http.calls.size() == 5);
    CHECK(server.http.calls[1].body.find("temperature") == std::string::npos);
    CHECK(server.http.calls[2].body.find("\"max_completion_tokens\":1024") != std::string::npos);
    CHECK(server.http.calls[3].body.find("\"max_tokens\":1024") != std::string::npos);
    CHECK(server.http.calls[4].body.find("tokens\"") == std::string::npos);
}

TEST_CASE("a call that has to be bounded is made with a limit of its tokens, or not at all") {
    Server server;
    auto prompt = Server::prompt();
    prompt.bounded = true;
    server.http.script.push_back(unknown_parameter("max_completion_tokens"));
    server.http.script.push_back({.parts = {chunk(R"({"content":"a"})", "\"stop\""), done}});
    CHECK(server.ask(prompt)->text == "a");
    CHECK(server.http.calls.at(1).body.find("\"max_tokens\":1024") != std::string::npos);

    prompt.base_url = "http://models.test/v1";
    server.http.script.push_back(unknown_parameter("max_tokens"));
    server.http.script.push_back(unknown_parameter("max_completion_tokens"));
    const auto refused = server.ask(prompt);
    CHECK(server.http.calls.size() == 4);
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == "model.unbounded");
    CHECK(refused.error().fault == Fault::permanent);
    CHECK(refused.error().text.find("Unknown parameter") != std::string::npos);
    CHECK(refused.error().text.find("hard budget") != std::string::npos);
}

TEST_CASE("a server that refuses the same parameter again is not asked for ever") {
    Server server;
    for (int i = 0; i < 10; ++i) {
        server.http.script.push_back(refusal(400, R"({"error":{"message":"no","param":"temperature"}})"));
    }
    CHECK(server.ask(Server::prompt()).error().code == "model.bad_request");
    CHECK(server.http.calls.size() == 2);
}

TEST_CASE(
    "choices that are null, unknown fields, lone surrogates and a missing usage are taken as they come") {
    Server server;
    const auto answer =
        server.ask({.parts = {"data: {\"choices\":null,\"x_new\":1}\n\n",
                              chunk(R"({"content":null,"reasoning_content":"hm"})"),
                              chunk(R"({"content":"a\ud83d b"})"), chunk("null", "\"length\""), done}});
    REQUIRE(answer.has_value());
    CHECK(answer->text == "a\xEF\xBF\xBD b");
    CHECK(answer->finish_reason == "length");
    CHECK_FALSE(answer->usage.reported);
    CHECK(answer->usage.input_tokens == 7);  // 26 characters
    CHECK(answer->usage.output_tokens == 1);
}

TEST_CASE("what of the input was cached is counted, as OpenAI and as DeepSeek tell it") {
    for (const std::string told :
         {R"("prompt_tokens_details":{"cached_tokens":8})", R"("prompt_cache_hit_tokens":8)"}) {
        CAPTURE(told);
        Server server;
        const auto answer = server.ask(
            {.parts = {chunk(R"({"content":"Hola"})", "\"stop\""),
                       "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":3," +
                           told + "}}\n\n",
                       done}});
        REQUIRE(answer.has_value());
        CHECK(answer->usage.input_tokens == 12);
        CHECK(answer->usage.cached_tokens == 8);
    }
}

TEST_CASE("a server that does not stream is understood, too") {
    Server server;
    const auto answer = server.ask(
        {.parts = {
             "\n{\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"message\":{\"content\":\"Ho",
             "la\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}"}});
    REQUIRE(answer.has_value());
    CHECK(answer->text == "Hola");
    CHECK(answer->usage.output_tokens == 2);
    CHECK(server.deltas == std::vector<std::string>{"Hola"});
}

TEST_CASE("a stream that ends before its answer does is broken, and worth another try") {
    Server server;
    const auto cut = server.error({.parts = {chunk(R"({"content":"Ho"})")}});
    CHECK(cut.code == "model.broken_stream");
    CHECK(cut.fault == Fault::transient);
    CHECK(server.error({.parts = {}}).code == "model.broken_stream");
    CHECK(server.error({.parts = {chunk(R"({"content":"Ho"})"), "data: {\"choi\n\n"}}).code ==
          "model.broken_stream");
    CHECK(server.error({.parts = {"{\"choices\":[{\"mess"}}).code == "model.broken_stream");
    CHECK(server.error({.parts = {chunk(R"({"content":"Ho"})")}, .fault = HttpFault{Reached::maybe, "reset"}})
              .code == "model.broken_stream");
}

TEST_CASE("a whole answer counts although its end mark is missing or the connection breaks after it") {
    Server server;
    CHECK(server.ask({.parts = {chunk(R"({"content":"a"})", "\"stop\"")}})->text == "a");
    CHECK(server.ask({.parts = {chunk(R"({"content":"a"})"), done}})->finish_reason == "stop");
    CHECK(server
              .ask({.parts = {chunk(R"({"content":"a"})", "\"stop\"")},
                    .fault = HttpFault{Reached::maybe, "reset"}})
              .has_value());
}

TEST_CASE(
    "a refusal is an error, whether the model refuses, the filter empties the answer, or the policy forbids "
    "it") {
    Server server;
    CHECK(server
              .error({.parts = {chunk(R"({"refusal":"I can"})"), chunk(R"({"refusal":"not"})", "\"stop\""),
                                done}})
              .code == "model.refused");
    const auto filtered = server.error({.parts = {chunk("{}", "\"content_filter\""), done}});
    CHECK(filtered.code == "model.refused");
    CHECK(filtered.fault == Fault::permanent);
    CHECK(
        server.error(refusal(400, R"({"error":{"message":"no","code":"content_policy_violation"}})")).code ==
        "model.refused");
    CHECK(server.ask({.parts = {chunk(R"({"content":"a"})"), chunk("{}", "\"content_filter\""), done}})
              ->finish_reason == "content_filter");
}

TEST_CASE("an error inside the stream is what its words say") {
    Server server;
    const auto in_stream = [&](const std::string& error) {
        return server.error({.parts = {chunk(R"({"content":"Ho"})"), "data: {\"error\":" + error + "}\n\n"}});
    };
    CHECK(in_stream(R"({"message":"overloaded","type":"server_error"})").code == "model.unavailable");
    CHECK(in_stream(R"({"message":"slow down","code":429})").code == "model.rate_limited");
    CHECK(in_stream(R"({"message":"none left","type":"insufficient_quota"})").code == "model.quota");
    CHECK(in_stream(R"({"message":"long","code":"context_length_exceeded"})").code == "model.bad_request");
    CHECK(in_stream("\"boom\"").text.find("boom") != std::string::npos);
    CHECK(server.error({.parts = {"data: {\"object\":\"error\",\"message\":\"m\",\"code\":503}\n\n"}}).code ==
          "model.unavailable");
}

TEST_CASE("each status becomes the error that says what to do about it") {
    struct Row {
        int status;
        const char* body;
        const char* code;
        Fault fault;
    };
    for (const auto& row : std::initializer_list<Row>{
             {401, R"({"error":{"message":"Incorrect API key provided: sk-canary-*******6789."}})",
              "model.bad_key", Fault::permanent},
             {403, "", "model.bad_key", Fault::permanent},
             {429, R"({"error":{"type":"insufficient_quota","code":"insufficient_quota"}})", "model.quota",
              Fault::permanent},
             {402, R"({"error":{"message":"Insufficient Balance"}})", "model.quota", Fault::permanent},
             {429, R"([{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}])", "model.rate_limited",
              Fault::transient},
             {400, R"({"error":{"code":"context_length_exceeded"}})", "model.bad_request", Fault::permanent},
             {404, R"({"error":"model \"x\" not found"})", "model.bad_request", Fault::permanent},
             {302, "", "model.bad_request", Fault::permanent},
             {408, "", "model.timeout", Fault::transient},
             {409, "", "model.unavailable", Fault::transient},
             {500, "<html>", "model.unavailable", Fault::transient},
             {503, "", "model.unavailable", Fault::transient}}) {
        CAPTURE(row.status);
        Server server;
        const auto error = server.error(refusal(row.status, row.body));
        CHECK(error.code == row.code);
        CHECK(error.fault == row.fault);
        CHECK(error.text.find(std::to_string(row.status)) != std::string::npos);
    }
}

TEST_CASE("what the provider said is named and cut, and nothing that looks like a key comes with it") {
    Server server;
    const auto error = server.error(refusal(
        400,
        R"({"error":{"code":"odd","message":"Bearer sk-canary-0123456789 and sk-canary-1 \n and AIzacanary )" +
            std::string(1'000, 'x') + "\"}}"));
    CHECK(error.text.find("odd: [redacted] and [redacted]") != std::string::npos);
    CHECK(error.text.find('\n') == std::string::npos);
    CHECK(error.text.size() < 500);
}

TEST_CASE("an error repeats nothing of the conversation, whatever the provider quotes") {
    Server server;
    const std::string said = "mi dirección es Calle Falsa 123, timbre roto";
    Prompt prompt = Server::prompt();
    prompt.messages[1].text = "hola\n" + said + "\n¿llega hoy?";
    const std::string message = R"({"error":{"message":"input 'dirección es Calle Falsa 123' and ')" + said +
                                R"(' are odd, try again"}})";
    server.http.script.push_back(refusal(422, message));
    const auto refused = server.ask(prompt);
    REQUIRE(refused.has_error());
    CHECK(refused.error().text.find("Falsa") == std::string::npos);
    CHECK(refused.error().text.find("input '[…]' and '[…]' are odd, try again") != std::string::npos);
    server.http.script.push_back({.parts = {chunk(R"({"content":"Ho"})"), "data: " + message + "\n\n"}});
    const auto broken = server.ask(prompt);
    REQUIRE(broken.has_error());
    CHECK(broken.error().text.find("Falsa") == std::string::npos);
    CHECK(without_quotes("corto", prompt.messages) == "corto");
    CHECK(without_quotes("", {}) == "");
}

TEST_CASE("the pause that the provider asks for is passed on") {
    const auto pause = [](HttpHeaders headers) {
        Server server;
        return server.error(refusal(429, "{}", std::move(headers))).retry_after;
    };
    CHECK(pause({{"Retry-After", "7"}}) == Millis{7'000});
    CHECK(pause({{"retry-after", "0.25"}}) == Millis{250});
    CHECK(pause({{"retry-after", "7"}, {"retry-after-ms", "120"}}) == Millis{120});
    CHECK(pause({{"retry-after", "1e300"}}) == Millis{86'400'000});
    CHECK_FALSE(pause({{"retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"}}).has_value());
    CHECK_FALSE(pause({{"retry-after", "-1"}}).has_value());
    CHECK_FALSE(pause({}).has_value());
}

TEST_CASE("a provider that is not there is unavailable, one that is late timed out") {
    Server server;
    CHECK(server.error({.fault = HttpFault{Reached::no, "connection refused"}}).code == "model.unavailable");
    const auto late = server.error({.fault = HttpFault{Reached::maybe, "deadline"}, .takes = Millis{90'000}});
    CHECK(late.code == "model.timeout");
    CHECK(late.fault == Fault::transient);
}

TEST_CASE("a server that nests a million deep sends a broken answer, and overflows no stack") {
    const std::string deep = std::string(500'000, '[') + std::string(500'000, ']');
    Server server;
    CHECK(server.error({.parts = {deep}}).code == "model.broken_stream");
    CHECK(server.error({.parts = {R"(data: {"choices":)" + deep.substr(250'000, 500'000) + "}\n\n"}}).code ==
          "model.broken_stream");
    CHECK(server.error({.status = 400, .parts = {R"({"error":)" + deep + "}"}}).code == "model.bad_request");
}

TEST_CASE("the shop's own address is the tenant's choice, and one that is refused is not tried again") {
    Server server;
    server.ask({.parts = {chunk(R"({"content":"a"})", "\"stop\""), done}}).value();
    CHECK(server.http.calls.at(0).chosen_by == ChosenBy::installation);
    server.http.script.push_back(
        {.fault =
             HttpFault{Reached::no, "10.0.0.7:11434: the address of a tenant is a private address", true}});
    auto prompt = Server::prompt();
    prompt.base_url = "http://10.0.0.7:11434/v1";
    const auto refused = server.ask(prompt);
    REQUIRE_FALSE(refused.has_value());
    CHECK(server.http.calls.at(1).chosen_by == ChosenBy::tenant);
    CHECK(refused.error().code == "model.bad_address");
    CHECK(refused.error().fault == Fault::permanent);
    CHECK(refused.error().text.find("trusted_addresses") != std::string::npos);
}

}  // namespace relevo
