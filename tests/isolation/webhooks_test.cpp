// What comes in through a shop's own webhook address, signed with its own secret, and says what it likes:
// numbers, people, message and reply ids of another shop.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "domain/records.hpp"
#include "stages/resolve.hpp"
#include "stages/settle.hpp"
#include "tests/isolation/two_shops.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct NobodyWatches final : Live {
    void publish(std::string_view channel, std::string) override { told.insert(std::string(channel)); }
    std::unique_ptr<Subscription> subscribe(std::string, std::function<void(std::string_view)>) override {
        return std::make_unique<Subscription>();
    }
    std::set<std::string> told;
};

struct StillClock final : Clock {
    SysTime now() const override { return at(200); }
    Task<void> sleep_until(SysTime) override { co_return; }
};

Envelope envelope_of(const Record& record) {
    auto owner = std::make_shared<const Record>(record);
    Envelope out;
    out.topic = owner->topic;
    out.appended = at(150);
    out.key = owner->key;
    out.value = owner->value;
    out.headers = views_of(owner->headers);
    out.owner = owner;
    return out;
}

std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> all;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
}

struct Webhooks : TwoShops {
    NobodyWatches live;
    StillClock clock;
    Resolve into{*resolve, live};
    Settle of_receipts{*settle, live, clock};
    SeededRandom draw{11};
    std::vector<std::string> scopes = lines(
        test.query(fmt::format("SELECT id, channel FROM endpoints WHERE tenant_id = {}", attacker.value)));
    std::vector<std::string> replies =
        lines(test.query(fmt::format("SELECT id FROM replies WHERE tenant_id = {}", victim.value)));
    std::vector<std::string> accounts{"3003", "3003", "1001", "777", "canary-shop", "ballet", ""};
    std::vector<std::string> channels{"whatsapp", "telegram", "web"};

    const std::string& any(const std::vector<std::string>& texts) { return texts[draw.below(texts.size())]; }
    std::string person() { return any({"300355", "100155"}) + std::to_string(1 + draw.below(5)); }
    std::string event() { return any({"canary-event-", "mine-event-"}) + std::to_string(draw.below(50)); }

    // An address of its own, and mostly the channel that it is of.
    void come_through(auto& received) {
        const std::string& scope = any(scopes);
        received.scope = {std::stoll(scope)};
        received.channel = draw.below(4) == 0 ? any(channels) : scope.substr(scope.find('|') + 1);
    }

    Record message() {
        MessageReceived received;
        come_through(received);
        constexpr InboundKind kinds[]{InboundKind::message, InboundKind::reaction, InboundKind::echo,
                                      InboundKind::renamed, InboundKind::archived};
        received.inbound = inbound(event(), "hola", person(), kinds[draw.below(std::size(kinds))]);
        received.inbound.aliases.push_back({"wa_user", person()});
        received.inbound.account = any(accounts);
        received.inbound.in_reply_to = event();
        received.inbound.raw = "{}";
        return to_record(received);
    }
    Record receipt() {
        ReceiptReceived received;
        come_through(received);
        received.receipt.account = any(accounts);
        received.receipt.provider_id = event();
        received.receipt.reply = any(replies);
        received.receipt.status = ReceiptStatus::read;
        received.receipt.at = at(160);
        return to_record(received);
    }
};

}  // namespace

TEST_CASE("a webhook's address speaks for its own shop, whatever the webhook says") {
    Webhooks it;
    REQUIRE_FALSE(it.scopes.empty());
    REQUIRE_FALSE(it.replies.empty());
    const std::string before = it.digest();
    const std::string own = it.attacker.to_string() + ":";
    std::map<std::string, int> became;
    const int calls = swaps(1'000);
    for (int n = 0; n < calls; ++n) {
        CAPTURE(n);
        const Record record = n % 3 == 0 ? it.receipt() : it.message();
        CAPTURE(record.value);
        const std::vector<Envelope> one{envelope_of(record)};
        try {
            const Outcome outcome = run(n % 3 == 0 ? it.of_receipts.handle(one) : it.into.handle(one));
            if (const auto* emitted = std::get_if<Emit>(&outcome)) {
                ++became["emitted"];
                for (const auto& next : emitted->records) REQUIRE(next.key.starts_with(own));
            } else {
                ++became["dropped"];
            }
        } catch (const Failure& failure) {
            ++became[failure.error().code];
        }
        if (n % 100 == 99) REQUIRE(it.digest() == before);
    }
    CHECK(it.digest() == before);
    // both happened: what is its own goes on, what is not is refused
    CHECK(became["emitted"] + became["dropped"] > 10);
    CHECK(became["resolve.foreign_account"] > 10);
}
