#include "domain/redaction.hpp"

#include "tests/fuzz/target.hpp"

using namespace relevo;
using namespace relevo::fuzz;

/// How an answer is cut while it streams, what was asked for, a text of the shop, then the customer's.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(text_of(data, size));
    const std::size_t cut = 1 + input.below(16);
    const auto asked = static_cast<NumberTopic>(input.below(6));
    const std::string_view shop = input.part();
    const std::string_view text = input.rest();

    std::size_t end = 0;
    for (const auto& found : find_personal(text, asked)) {
        require(found.size > 0 && found.at >= end, "what is found stands in its order");
        end = found.at + found.size;
        require(end <= text.size(), "what is found is of the text");
    }
    Redaction redaction(all_personal_kinds());
    redaction.keep(shop);
    redaction.learn(text, asked);
    const std::string shown = redaction.redact(text, asked);
    require(redaction.restore(shown) == text, "restored it is what it was");
    require(redaction.redact(shown, asked) == shown, "hidden twice it is hidden once");

    RestoringStream stream(redaction);
    std::string restored;
    for (std::string_view rest = shown; !rest.empty();) {
        const auto part = rest.substr(0, cut);
        rest.remove_prefix(part.size());
        restored += stream.add(part);
    }
    require(restored + stream.rest() == text, "restored in parts it is the same");
    redaction.redact_json(text);
    redaction.restore(text);
    topic_asked(text);
    return 0;
}
