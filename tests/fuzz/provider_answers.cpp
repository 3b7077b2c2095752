#include "channels/telegram.hpp"
#include "channels/whatsapp.hpp"
#include "tests/channels/fake_http.hpp"
#include "tests/fuzz/target.hpp"

using namespace relevo;
using namespace relevo::fuzz;
using relevo::testing::FakeHttp;
using relevo::testing::Ledger;
using relevo::testing::run;
using relevo::testing::some_reply;

namespace {

const std::string token = "EAAfuzzed-token-0123456789";

Outbound bubble(std::string kind) {
    return {.account = "10001",
            .to = {std::move(kind), "5491100000001"},
            .text = "hola",
            .reply = some_reply,
            .token = Secret(token)};
}

void require_sound(const Sent& sent) {
    if (sent.state == Sent::State::accepted) {
        require(!sent.provider_id.empty(), "what was accepted has a name");
        return;
    }
    require(sent.error.code.find('.') != std::string::npos, "an error has a code");
    require(sent.error.text.find(token) == std::string::npos, "an error does not tell the token");
    const auto pause = sent.error.retry_after.value_or(Millis{0});
    require(pause >= Millis{0} && pause <= std::chrono::hours(24 * 366),
            "a pause is one that can be waited for");
}

}  // namespace

/// A status, the header Retry-After and the body of a provider's answer to a send.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(text_of(data, size));
    const int status = 100 + static_cast<int>(input.below(5)) * 100 + static_cast<int>(input.below(32));
    const std::string retry_after(input.part());
    FakeHttp http;
    http.answer(status, std::string(input.rest()), {{"retry-after", retry_after}});
    WhatsApp whatsapp("https://whatsapp.test", http);
    Telegram telegram("https://telegram.test", http);
    require_sound(run(whatsapp.send(bubble("wa_id"), Ledger::allow(some_reply, 3))));
    require_sound(run(telegram.send(bubble("telegram_chat"), Ledger::allow(some_reply))));
    http.fail(Reached::maybe, std::string(input.rest()));
    require_sound(run(whatsapp.send(bubble("wa_id"), Ledger::allow(some_reply))));
    return 0;
}
