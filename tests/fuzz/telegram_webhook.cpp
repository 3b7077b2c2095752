#include "channels/telegram_parse.hpp"
#include "tests/fuzz/webhook_entries.hpp"

using namespace relevo;
using namespace relevo::fuzz;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto body = text_of(data, size);
    const auto parsed = parse_telegram(body);
    if (!parsed) {
        require(parsed.error().code == "webhook.bad_json", "only what is no JSON is refused");
        return 0;
    }
    require(parsed->inbound.size() == 1, "an update is one event, known or archived");
    require_sound(*parsed, "telegram");
    require_equal(*parsed, *parse_telegram(body));
    return 0;
}
