#include "core/bubbles.hpp"

#include <algorithm>

#include "core/utf8.hpp"
#include "domain/draft.hpp"
#include "tests/fuzz/target.hpp"

using namespace relevo;
using namespace relevo::fuzz;

namespace {

std::string without_blanks(std::string text) {
    std::erase_if(text, [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
    return text;
}

std::size_t measure(std::string_view text, TextLimit::Unit unit) {
    if (unit == TextLimit::Unit::bytes) return text.size();
    auto count = count_code_points(text);
    if (unit == TextLimit::Unit::utf16_units) {
        count += static_cast<std::size_t>(
            std::ranges::count_if(text, [](char c) { return static_cast<unsigned char>(c) >= 0xF0; }));
    }
    return count;
}

std::string joined(const std::vector<std::string>& bubbles) {
    std::string all;
    for (const auto& bubble : bubbles) all += bubble;
    return all;
}

}  // namespace

/// A limit, how the answer is cut while it streams, and a model's answer.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(text_of(data, size));
    const TextLimit limit{4 + input.below(60), static_cast<TextLimit::Unit>(input.below(3))};
    const std::size_t cut = 1 + input.below(16);
    const std::string answer = clean_utf8(input.rest());
    require(clean_utf8(answer) == answer, "what is clean stays");
    const auto prefix = prefix_of_code_points(answer, limit.max);
    require(count_code_points(std::string_view(answer).substr(0, prefix)) <= limit.max,
            "a prefix is no longer");
    const std::string escapes = clean_json_escapes(input.rest());
    require(clean_json_escapes(escapes) == escapes, "what is clean stays");

    const auto bubbles = split_bubbles(answer, limit);
    for (const auto& bubble : bubbles) {
        require(!without_blanks(bubble).empty(), "a bubble says something");
        require(measure(bubble, limit.unit) <= limit.max, "a bubble fits");
        require(clean_utf8(bubble) == bubble, "a bubble is cut between characters");
    }
    require(without_blanks(joined(bubbles)) == without_blanks(answer), "nothing of an answer is lost");

    DraftBubbles draft;
    std::vector<std::string> shown;
    for (std::string_view rest = answer; !rest.empty();) {
        const auto part = rest.substr(0, cut);
        rest.remove_prefix(part.size());
        for (auto& [index, text] : draft.add(part)) {
            require(!text.empty(), "a part says something");
            if (shown.size() <= static_cast<std::size_t>(index))
                shown.resize(static_cast<std::size_t>(index) + 1);
            shown[static_cast<std::size_t>(index)] += text;
        }
    }
    const auto whole = split_bubbles(answer, {answer.size() + 64, TextLimit::Unit::bytes});
    require(shown == whole, "a draft's bubbles are the answer's");
    return 0;
}
