#include "gateway/web_widget.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>

#include "tests/gateway/fakes.hpp"
#include "tests/http/loopback.hpp"

using namespace relevo;

namespace {

const std::string visitor(32, 'a');

struct OneShop final : EndpointStore, Vault {
    Task<std::optional<Endpoint>> find(std::string channel, std::string) override {
        co_return Endpoint{EndpointId{1}, TenantId{7}, channel, "shop"};
    }
    Task<std::int64_t> secret_changes() override { co_return 0; }
    Task<std::vector<std::pair<std::string, std::string>>> keys() override {
        co_return std::vector<std::pair<std::string, std::string>>{};
    }
    Task<Secret> find(TenantId, std::string, std::string) override { co_return Secret(); }
};

struct OneConversation final : WebStore {
    Task<WebConversation> read(Endpoint, std::string, std::int64_t) override {
        ++reads;
        co_return WebConversation{{7}, {}, human, epoch, {}};
    }
    bool human = false;
    std::int64_t epoch = 1;
    int reads = 0;
};

struct NoLog final : Sink {
    void append(std::vector<Record>, Appended) override {}
};

struct Bench {
    // The conversation as a visitor comes: their page was told what it begins with.
    void arrive() {
        REQUIRE(loopback::run(io, space.on_connect(page, R"({"key":"k","visitor":")" + visitor + "\"}"))
                    .has_value());
        REQUIRE(loopback::run_until(io, [this] { return count("history") == 1; }));
    }
    void stand(bool human) {
        rows.human = human;
        ++rows.epoch;
        nudge();
    }
    void nudge() {
        const int before = rows.reads;
        live.publish(conversation_channel({7}, conversation), live_changed());
        REQUIRE(loopback::run_until(io, [&] { return rows.reads > before; }));
        io.restart();
        io.poll();
    }
    std::vector<std::string> standings() const {
        std::vector<std::string> all;
        for (const auto& event : page->heard) {
            if (event.starts_with("standing ")) all.push_back(event.substr(9));
        }
        return all;
    }
    long count(std::string_view event) const {
        return std::count_if(page->heard.begin(), page->heard.end(),
                             [&](const auto& heard) { return heard.starts_with(event); });
    }

    boost::asio::io_context io;
    const ConversationId conversation =
        conversation_id({7}, contact_id({7}, "web_visitor", visitor), account_id("web", "shop"));
    OneShop shop;
    OneConversation rows;
    NearLive live;
    NoLog log;
    SystemClock clock;
    SeededRandom random{1};
    Metrics metrics;
    Channels channels{std::vector<std::unique_ptr<Channel>>{}};
    EndpointCache endpoints{shop, shop, channels, clock};
    Intake intake{log, clock, random, metrics, "here"};
    WebWidget widget{endpoints, rows, live, intake, random};
    Namespace space = widget.name_space();
    std::shared_ptr<HearingSocket> page = std::make_shared<HearingSocket>();
};

const std::string agent = R"({"standing":"agent"})";
const std::string human = R"({"standing":"human"})";

}  // namespace

TEST_CASE("a page hears who answers before the history, and again whenever that changes") {
    Bench it;
    it.arrive();
    REQUIRE(it.page->heard.size() == 3);
    CHECK(it.page->heard[1] == "standing " + agent);
    CHECK(it.page->heard[2].starts_with("history"));
    it.stand(true);
    it.nudge();
    it.stand(false);
    CHECK(it.standings() == std::vector<std::string>{agent, human, agent});
}

TEST_CASE("a page that comes while a human answers hears so at once, and no draft") {
    Bench it;
    it.rows.human = true;
    it.arrive();
    CHECK(it.standings() == std::vector<std::string>{human});
    it.live.publish(conversation_channel({7}, it.conversation), live_delta({}, 0, "Hola", 9));
    CHECK(it.count("delta") == 0);
}

TEST_CASE("a page hears of its own conversation alone, and nothing of what the shop's people are told") {
    Bench it;
    it.arrive();
    REQUIRE(it.live.watching.size() == 1);
    CHECK(it.live.watching.begin()->first == conversation_channel({7}, it.conversation));
    const auto before = it.page->heard;
    const ConversationId others = conversation_id({7}, contact_id({7}, "web_visitor", "b"), {});
    tell_desk_changed(it.live, {7}, others);
    tell_desk_changed(it.live, {8}, it.conversation);
    it.io.restart();
    it.io.poll();
    CHECK(it.rows.reads == 1);
    CHECK(it.page->heard == before);
}
