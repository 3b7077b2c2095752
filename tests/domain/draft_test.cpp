#include "domain/draft.hpp"

#include <doctest/doctest.h>

#include "core/bubbles.hpp"
#include "core/random.hpp"

namespace relevo {
namespace {

using Part = DraftBubbles::Part;

// Each index's parts put together, the answer coming in pieces of these sizes.
std::vector<std::string> draft(const std::string& answer, SeededRandom& random) {
    DraftBubbles bubbles;
    std::vector<std::string> out;
    for (std::size_t at = 0; at < answer.size();) {
        const auto size = 1 + random.below(5);
        for (const auto& part : bubbles.add(std::string_view(answer).substr(at, size))) {
            REQUIRE(part.index <= static_cast<int>(out.size()));
            REQUIRE_FALSE(part.text.empty());
            if (part.index == static_cast<int>(out.size())) out.emplace_back();
            out[static_cast<std::size_t>(part.index)] += part.text;
        }
        at += size;
    }
    return out;
}

}  // namespace

TEST_CASE("a word is shown as soon as it comes, the blank after it with the next") {
    DraftBubbles bubbles;
    CHECK(bubbles.add("Ho") == std::vector<Part>{{0, "Ho"}});
    CHECK(bubbles.add("la ") == std::vector<Part>{{0, "la"}});
    CHECK(bubbles.add("Ana") == std::vector<Part>{{0, " Ana"}});
}

TEST_CASE("a blank line begins the next bubble, wherever the pieces are cut") {
    DraftBubbles bubbles;
    CHECK(bubbles.add("uno\n") == std::vector<Part>{{0, "uno"}});
    CHECK(bubbles.add(" \n").empty());
    CHECK(bubbles.add(" dos\ntres") == std::vector<Part>{{1, "dos\ntres"}});
}

TEST_CASE("one piece can end a bubble and begin others") {
    CHECK(DraftBubbles().add("a\n\nb\n\n\nc ") == std::vector<Part>{{0, "a"}, {1, "b"}, {2, "c"}});
}

TEST_CASE("blanks around an answer are never shown") {
    DraftBubbles bubbles;
    CHECK(bubbles.add("\n\n  \n").empty());
    CHECK(bubbles.add("a") == std::vector<Part>{{0, "a"}});
    CHECK(bubbles.add("\n\n\n").empty());
}

TEST_CASE("a draft put together is what split_bubbles makes of the answer, for any answer and any cut") {
    SeededRandom random(7);
    static constexpr std::string_view letters[] = {"a",    "b.",   "é",  " ",  "\n",
                                                   "\n\n", "\r\n", "\t", "👟", "\n\nz"};
    for (int round = 0; round < 2'000; ++round) {
        std::string answer;
        const auto length = random.below(60);
        for (std::uint64_t i = 0; i < length; ++i) answer += letters[random.below(std::size(letters))];
        const TextLimit no_limit{.max = 1'000'000, .unit = TextLimit::Unit::bytes};
        CAPTURE(answer);
        REQUIRE(draft(answer, random) == split_bubbles(answer, no_limit));
    }
}

}  // namespace relevo
