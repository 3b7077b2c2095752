#include "domain/secret.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace relevo;

namespace {

// What stays in the memory of a text beyond its end is looked at as a text of that length.
bool remembers(const std::string& text, char letter) {
    return std::any_of(text.data(), text.data() + text.capacity(), [=](char c) { return c == letter; });
}

}  // namespace

TEST_CASE("a text that is wiped is empty, and so is its memory") {
    for (const std::size_t size : {1u, 15u, 16u, 1'000u}) {
        std::string text(size, 'k');
        text.resize(size / 2);  // what was cut off stays in memory
        wipe(text);
        CHECK(text.empty());
        CHECK_FALSE(remembers(text, 'k'));
    }
}

TEST_CASE("a short secret does not stay behind in what it was moved from") {
    std::string key = "kkkkkkkk";
    Secret first(std::move(key));
    CHECK_FALSE(remembers(key, 'k'));  // NOLINT: what is left of it is the question
    Secret second(std::move(first));
    CHECK_FALSE(remembers(first.reveal(), 'k'));
    first = std::move(second);
    CHECK_FALSE(remembers(second.reveal(), 'k'));
    CHECK(first.reveal() == "kkkkkkkk");
}

TEST_CASE("secrets are copied, replaced and assigned to themselves") {
    Secret first(std::string(40, 'a'));
    const Secret copy = first;
    first = Secret("b");
    CHECK(first.reveal() == "b");
    CHECK(copy.reveal() == std::string(40, 'a'));
    const Secret& same = first;
    first = same;
    CHECK(first.reveal() == "b");
}
