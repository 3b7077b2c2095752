#include "gateway/demo.hpp"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "gateway/path_event.hpp"
#include "tests/gateway/fakes.hpp"
#include "tests/http/loopback.hpp"

using namespace relevo;

namespace {

const ConversationId conversation = conversation_id({7}, contact_id({7}, "wa_id", "549"), {});
const std::string which = R"("tenant":7,"conversation":")" + conversation.to_string() + "\"}";

struct NoRows final : DemoStore {
    Task<std::string> shops() override { co_return "[]"; }
    Task<std::string> conversations() override { co_return "[]"; }
    Task<std::optional<std::string>> conversation(TenantId, ConversationId) override {
        co_return std::nullopt;
    }
};

struct AnyHandoff final : HandoffStore {
    Task<bool> take_over(TenantId, ConversationId, SysTime) override { co_return true; }
    Task<bool> give_back(TenantId, ConversationId, SysTime) override { co_return true; }
    Task<std::optional<ReplyId>> request_reply(TenantId, ConversationId, std::string, std::string,
                                               SysTime) override {
        co_return std::nullopt;
    }
};

struct NoLog final : Sink {
    void append(std::vector<Record>, Appended) override {}
};

struct Bench {
    Bench() {
        demo.add_routes(router, pages);
        REQUIRE(loopback::run(io, demo.name_space().on_connect(page, "{}")).has_value());
        page->heard.clear();  // what happened before
    }
    int ask(const std::string& what) {
        HttpRequest request;
        request.method = "POST";
        request.path = request.target = "/demo/api/conversations/7/" + conversation.to_string() + "/" + what;
        request.peer = "127.0.0.1:1";
        request.headers.emplace_back("Host", "127.0.0.1:8080");
        return loopback::run(io, router.handle(std::move(request))).status;
    }

    boost::asio::io_context io;
    NoRows rows;
    AnyHandoff handoff;
    NearLive live;
    NoLog log;
    SystemClock clock;
    SeededRandom random{1};
    Metrics metrics;
    Intake intake{log, clock, random, metrics, "here"};
    StaticFiles pages{std::filesystem::path(RELEVO_SOURCE_DIR) / "src/console/demo", {}};
    Router router;
    Demo demo{rows, handoff, live, intake, ""};
    std::shared_ptr<HearingSocket> page = std::make_shared<HearingSocket>();
};

}  // namespace

TEST_CASE("a page hears what a customer writes to a human, from whichever process stored it") {
    Bench it;
    it.live.publish(desk_channel, desk_written({7}, conversation));
    CHECK(it.page->heard == std::vector<std::string>{R"(written {"event":"written",)" + which});
}

TEST_CASE("a page hears who takes a conversation over and gives it back") {
    Bench it;
    CHECK(it.ask("takeover") == 200);
    CHECK(it.ask("giveback") == 200);
    const std::string changed = R"(changed {"event":"changed",)" + which;
    CHECK(it.page->heard == std::vector<std::string>{changed, changed});
}

TEST_CASE("a page reads again where something may have been missed, and where the shops changed") {
    Bench it;
    it.live.publish(desk_channel, "");
    it.demo.shops_changed();
    CHECK(it.page->heard == std::vector<std::string>{"changed ", "shops "});
}

TEST_CASE("a page hears of each settled record, and which conversation it changed") {
    Bench it;
    const std::string event = R"({"stage":"resolve",)" + which;
    it.live.publish(path_channel, event);
    CHECK(it.page->heard == std::vector<std::string>{"stage " + event, "changed {" + which});
}

TEST_CASE("a page that went is told nothing, and what is no event of the desk nobody") {
    Bench it;
    it.live.publish(desk_channel, "[]");
    it.live.publish(desk_channel, R"({"event":"recent"})");
    it.demo.name_space().on_disconnect(it.page);
    it.live.publish(desk_channel, desk_written({7}, conversation));
    CHECK(it.page->heard.empty());
}
