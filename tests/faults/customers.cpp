#include "tests/faults/customers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>

#include "tests/faults/webhook.hpp"

namespace relevo::faults {

Customers::Customers(boost::asio::io_context& io, std::uint64_t seed, Habits habits,
                     const std::vector<Shop>& shops, Ingress ingress)
    : io_(io),
      random_(seed),
      habits_(habits),
      shops_(shops),
      ingress_(std::move(ingress)),
      http_(io, ClientLimits{.max_connections_per_host = 256}) {}

void Customers::spawn(Task<void> task) {
    ++busy_;
    boost::asio::co_spawn(io_, std::move(task), [this](std::exception_ptr failure) {
        --busy_;
        if (failure) std::rethrow_exception(failure);
    });
}

void Customers::start(int conversations) {
    for (int number = 0; number < conversations; ++number) spawn(live(number));
}

void Customers::receive(const Bubble& bubble, const std::string& id) {
    spawn(tell(bubble, id));
}

Task<void> Customers::pause(double longest_seconds) {
    const auto millis = static_cast<std::int64_t>(random_.uniform() * longest_seconds * 1'000);
    co_await clock_.sleep_until(clock_.now() + Millis{millis});
}

Task<void> Customers::live(int number) {
    const Shop& shop = shops_[static_cast<std::size_t>(number) % shops_.size()];
    const std::string person = fmt::format("{}/1555{:07}", shop.account, number);
    bool human = false;
    co_await pause(habits_.pause_seconds);
    while (!stopping_) {
        const auto burst = 1 + random_.below(3);
        for (std::uint64_t i = 0; i < burst; ++i) {
            Said said = next_of(person, human);
            co_await say(std::move(said), shop);
            co_await pause(0.8);
        }
        const SysTime until =
            clock_.now() +
            Millis{static_cast<std::int64_t>(random_.uniform() * habits_.pause_seconds * 1'000)};
        while (!stopping_ && clock_.now() < until) co_await pause(1.0);
    }
}

Said Customers::next_of(const std::string& person, bool& human) {
    Said said{Said::Kind::message, fmt::format("wamid.IN{}", ++count_), person,
              fmt::format("message {}", count_)};
    if (happens(habits_.reacts)) {
        said.kind = Said::Kind::reaction;
    } else if (happens(habits_.strange)) {
        said.kind = Said::Kind::strange;
    } else if (happens(habits_.stray)) {
        said.kind = Said::Kind::stray;
        said.person = "999999/" + person.substr(person.find('/') + 1);
    } else if (!human && happens(habits_.owner_steps_in)) {
        said.kind = Said::Kind::echo;
        human = true;
    } else if (happens(habits_.is_refused)) {
        said.text += " that you will refuse";
    }
    return said;
}

Task<void> Customers::say(Said said, const Shop& shop) {
    const std::string body = webhook_of(said, "wamid.IN1");
    co_await deliver(shop, body);
    said_.push_back(std::move(said));
    if (happens(habits_.says_twice)) co_await deliver(shop, body);
}

Task<void> Customers::deliver(const Shop& shop, std::string body) {
    for (;;) {
        if (const auto port = ingress_()) {
            HttpCall call = sign(shop, body, *port);
            const auto response = co_await http_.send(std::move(call), {});
            if (response && response->status == 200) co_return;
        }
        ++retried_;
        co_await clock_.sleep_until(clock_.now() + Millis{200});
    }
}

Task<void> Customers::tell(Bubble bubble, std::string id) {
    const std::string account = bubble.person.substr(0, bubble.person.find('/'));
    const auto shop =
        std::find_if(shops_.begin(), shops_.end(), [&](const Shop& it) { return it.account == account; });
    if (shop == shops_.end()) co_return;
    for (const auto* status : {"sent", "delivered", "read"}) {
        co_await pause(1.0);
        if (happens(habits_.receipt_lost)) continue;
        std::string body = webhook_of(bubble, id, status);
        co_await deliver(*shop, std::move(body));
    }
}

}  // namespace relevo::faults
