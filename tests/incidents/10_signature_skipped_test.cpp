#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <fstream>
#include <regex>

#include "channels/list.hpp"
#include "core/log.hpp"
#include "gateway/webhooks.hpp"
#include "tests/channels/fake_http.hpp"
#include "tests/http/loopback.hpp"
#include "tests/simulation/sim_webhooks.hpp"

namespace relevo {
namespace {

const std::string body = R"({"object":"whatsapp_business_account","entry":[]})";

/// The gateway with the real channels, for accounts whose credentials all are `secret`.
struct Gateway final : EndpointStore, Vault, Sink {
    explicit Gateway(std::string its_secret) : secret(std::move(its_secret)) {
        set_log_level(LogLevel::off);
        webhooks.add_routes(router);
    }
    Task<std::optional<Endpoint>> find(std::string channel, std::string) override {
        co_return Endpoint{EndpointId{1}, TenantId{7}, channel, channel == "telegram" ? "7" : ""};
    }
    Task<std::int64_t> secret_changes() override { co_return 0; }
    Task<std::vector<std::pair<std::string, std::string>>> keys() override { co_return keys_; }
    Task<Secret> find(TenantId, std::string, std::string) override { co_return Secret(secret); }
    void append(std::vector<Record> records, Appended appended) override {
        written += records.size();
        boost::asio::post(io, [appended = std::move(appended)] { appended(std::nullopt); });
    }
    HttpResponse post(const std::string& channel, HttpHeaders headers) {
        HttpRequest request = testing::webhook("", std::move(headers));
        request.path = request.target = "/webhooks/" + channel + "/key";
        if (auto refused = loopback::run(io, router.check(request))) return *refused;
        request.body = channel == "telegram" ? R"({"update_id":1})" : body;
        return loopback::run(io, router.handle(request));
    }

    const std::string secret;
    std::size_t written = 0;
    std::vector<std::pair<std::string, std::string>> keys_;
    boost::asio::io_context io;
    testing::FakeHttp http;
    Channels channels{make_channels({}, http)};
    SystemClock clock;
    SeededRandom random{1};
    Metrics metrics;
    EndpointCache cache{*this, *this, channels, clock};
    Intake intake{*this, clock, random, metrics, "here", Millis{1'000}, {}};
    Webhooks webhooks{channels, cache, intake};
    Router router;
};

const std::string meta = "X-Hub-Signature-256";
const std::string telegram = "X-Telegram-Bot-Api-Secret-Token";

}  // namespace

TEST_CASE("incident 10: without a secret the check was skipped, here nothing passes where none is stored") {
    Gateway gateway("");
    for (const auto& headers : std::vector<HttpHeaders>{
             {}, {{meta, ""}}, {{meta, "sha256="}}, {{meta, hub_signature("", body)}}, {{telegram, ""}}}) {
        for (const auto* channel : {"whatsapp", "telegram"}) {
            CAPTURE(channel);
            const auto refused = gateway.post(channel, headers);
            CHECK(refused.status == 401);
            CHECK(refused.body.find("webhook.no_secret") != std::string::npos);
        }
    }
    CHECK(gateway.written == 0);
}

TEST_CASE(
    "incident 10: the 401 told the expected signature, here no answer holds anything of it or the secret") {
    const std::string secret = "canary-7f3a9c51";
    const std::string expected = hub_signature(secret, body);
    Gateway gateway(secret);
    std::string wrong = expected;
    wrong.back() = wrong.back() == '0' ? '1' : '0';
    for (const auto& headers : std::vector<HttpHeaders>{{},
                                                        {{meta, wrong}},
                                                        {{meta, expected.substr(0, expected.size() - 2)}},
                                                        {{telegram, "canary"}}}) {
        for (const auto* channel : {"whatsapp", "telegram"}) {
            const auto refused = gateway.post(channel, headers);
            CHECK(refused.status == 401);
            std::string all = refused.body;
            for (const auto& [name, value] : refused.headers) all += name + value;
            for (const auto& part : {secret.substr(0, 8), expected.substr(7, 8), expected.substr(60, 8)})
                CHECK(all.find(part) == std::string::npos);
        }
    }
    CHECK(gateway.written == 0);
    CHECK(gateway.post("whatsapp", {{meta, expected}}).status == 200);
    CHECK(gateway.post("telegram", {{telegram, secret}}).status == 200);
    CHECK(gateway.written == 2);
}

TEST_CASE("incident 10: secrets were compared byte by byte, here by libsodium in constant time alone") {
    std::string found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(RELEVO_SOURCE_DIR "/src")) {
        if (!entry.is_regular_file()) continue;
        const std::string folder = entry.path().parent_path().filename();
        if (folder != "channels" && folder != "gateway" && folder != "http") continue;
        std::ifstream in(entry.path());
        const std::regex compares(
            R"((==|!=|compare\()[ !]*[a-z_.>-]+reveal\(\)|reveal\(\)( [!=]=|\.compare)|[^_]memcmp|strcmp)");
        for (std::string line; std::getline(in, line);) {
            if (std::regex_search(line, compares)) found += entry.path().string() + ": " + line + "\n";
        }
    }
    CHECK(found == "");
}

}  // namespace relevo
