#include <unistd.h>

#include <cstdio>

#include "channels/list.hpp"
#include "core/json_object.hpp"
#include "core/log.hpp"
#include "models/openai.hpp"
#include "tests/channels/fake_http.hpp"
#include "tests/simulation/shop.hpp"

namespace relevo {
namespace {

const std::string secret = "canary-0123456789abcdef";
const std::string words = "canary-palabras";

/// What is written to standard error meanwhile, which is where the log goes.
class CapturedLog {
  public:
    CapturedLog() : file_(std::tmpfile()), before_(::dup(STDERR_FILENO)) {
        std::fflush(stderr);
        ::dup2(::fileno(file_), STDERR_FILENO);
        set_log_level(LogLevel::debug);
    }
    ~CapturedLog() {
        set_log_level(LogLevel::off);
        std::fflush(stderr);
        ::dup2(before_, STDERR_FILENO);
        ::close(before_);
        std::fclose(file_);
    }
    std::string text() {
        std::fflush(stderr);
        std::rewind(file_);
        std::string out;
        for (int c = std::fgetc(file_); c != EOF; c = std::fgetc(file_)) out.push_back(static_cast<char>(c));
        return out;
    }

  private:
    std::FILE* file_;
    int before_;
};

/// Says again whatever it was told, as some providers do in their errors.
struct EchoHttp final : HttpClient {
    Task<boost::system::result<HttpResponse, HttpFault>> send(HttpCall call, BodySink) override {
        std::string all = call.url;
        for (const auto& [name, value] : call.headers) all += " " + name + ": " + value;
        HttpResponse response;
        response.status = status;
        response.body = JsonObject()
                            .flag("ok", false)
                            .text("description", all)
                            .raw("error", JsonObject().text("message", all).text("code", all).str())
                            .str();
        ++calls;
        co_return response;
    }
    int status = 400;
    int calls = 0;
};

void check_clean(const std::string& text) {
    CHECK_MESSAGE(text.find("canary") == std::string::npos, text);
}

}  // namespace

TEST_CASE("incident 21: secrets stood in logs, here no error of a provider repeats what it was sent") {
    EchoHttp http;
    SystemClock clock;
    OpenAiProvider model("https://models.test/v1", http, clock);
    for (const int status : {200, 400, 401, 403, 404, 429, 500}) {
        http.status = status;
        for (const auto& channel : make_channels({}, http)) {
            const Outbound bubble{"account", {"wa_id", "1"}, words, testing::some_reply, Secret(secret)};
            const Sent sent =
                testing::run(channel->send(bubble, testing::Ledger::allow(testing::some_reply)));
            check_clean(sent.error.code + sent.error.text + sent.provider_id);
            check_clean(testing::run(channel->check_account("account", Secret(secret))).text);
            const auto told =
                testing::run(channel->set_webhook("https://relevo.test", Secret(secret), Secret(secret)));
            if (told.has_error()) check_clean(told.error().code + told.error().text);
        }
        Prompt prompt;
        prompt.key = Secret(secret);
        const auto answer = testing::run(model.complete(prompt, [](std::string_view) {}));
        if (answer.has_error()) check_clean(answer.error().code + answer.error().text);
    }
    CHECK(http.calls > 20);
}

TEST_CASE(
    "incident 21: in logs, metrics, dead letters and records there is no secret, and text in two places "
    "only") {
    CapturedLog log;
    SimSettings settings;
    settings.rates.store_refuses = settings.rates.sink_refuses = settings.rates.model_fails = 0.1;
    settings.rates.model_gives_up = settings.rates.provider_rejects = settings.rates.provider_garbles = 0.2;
    Shop it(settings, {Millis{1'000}, Millis{5'000}, 20});
    set_log_level(LogLevel::debug);  // a world is silent
    Account thief = it.world.add_shop(2, "thief", it.shop.window);
    thief.external_id = it.shop.external_id;
    for (int n = 0; n < 20; ++n) {
        it.world.write(it.shop, "c" + std::to_string(n), words);
        it.world.write(thief, "c" + std::to_string(n), words);  // a dead letter each
        it.world.post_webhook(
            it.shop, whatsapp_webhook({whatsapp_message(it.shop, "d", "w" + std::to_string(n), words)}));
    }
    it.world.settle();
    REQUIRE(it.world.database.dead_letters.size() >= 20);
    std::string told = SimWorld::metrics().text();
    for (const auto& [place, letter] : it.world.database.dead_letters) {
        told += letter.code + letter.text + letter.headers;
        CHECK(letter.value.find("token-of-tenant") == std::string::npos);
    }
    for (const auto& [id, reply] : it.world.database.tenants.at({1}).replies) told += reply.reason;
    for (const auto& [id, turn] : it.world.database.tenants.at({1}).turns) told += turn.reason;
    for (const auto& topic : it.world.pipeline.topics) {
        for (const auto& record : it.world.log.all(topic.name)) {
            if (topic.name != "messages.received") told += record->record.key + record->record.value;
            CHECK(record->record.value.find("token-of-tenant") == std::string::npos);
        }
    }
    const std::string logged = log.text();
    CHECK(logged.find("\"event\"") != std::string::npos);
    for (const auto& text : {told, logged}) {
        CHECK(text.find("token-of-tenant") == std::string::npos);  // the simulated vault's
        CHECK(text.find(words) == std::string::npos);
    }
}

}  // namespace relevo
