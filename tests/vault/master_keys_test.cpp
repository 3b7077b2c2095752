#include "vault/master_keys.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "core/error.hpp"

using namespace relevo;

namespace {

// Keys whose text a test can change, as an operator changes the file.
struct Keys {
    explicit Keys(std::string its_text)
        : text(std::move(its_text)), keys({"the file", [this] { return text; }}) {}
    std::string text;
    MasterKeys keys;
};

std::string line(int version, char digit) {
    return fmt::format("{}:{}\n", version, std::string(64, digit));
}

std::string code_of(const auto& action) {
    try {
        action();
    } catch (const Failure& failure) {
        return failure.error().code;
    }
    return {};
}

}  // namespace

TEST_CASE("a line of hex alone is the first master key, as files of releases before have it") {
    Keys it(std::string(64, '7') + "\n");
    CHECK(it.keys.versions() == std::vector<int>{1});
    CHECK(it.keys.find(1).hex().reveal() == std::string(64, '7'));
}

TEST_CASE("the highest version is the newest, wherever its line stands") {
    Keys it("# made 2026\n\n" + line(3, 'c') + line(1, 'a') + "2:" + std::string(64, 'b') + "\r\n");
    CHECK(it.keys.newest() == 3);
    CHECK(it.keys.versions() == std::vector<int>{1, 2, 3});
    CHECK(it.keys.find(2).hex().reveal() == std::string(64, 'b'));
}

TEST_CASE("a text that is no key file is refused with its line, and without what stands there") {
    for (const std::string& text :
         {std::string(), std::string("# nothing\n"), std::string("77"),
          std::string("x:") + std::string(64, '7'), "0:" + std::string(64, '7'), "-1:" + std::string(64, '7'),
          line(1, '7') + line(1, '8'), line(1, '7') + "2:" + std::string(63, '8')}) {
        CAPTURE(text);
        CHECK(code_of([&] { Keys refused(text); }) == "vault.bad_key");
    }
    try {
        Keys refused(line(1, '7') + "2:" + std::string(63, '8'));
        FAIL("nothing was thrown");
    } catch (const Failure& failure) {
        CHECK(failure.error().text == "the file: line 2: a master key is 64 hex characters");
    }
}

TEST_CASE("a tenant's key is unwrapped for that tenant and version only") {
    Keys it(line(1, '7'));
    const WrappedKey wrapped = it.keys.draw({5}, 2);
    CHECK(wrapped.version == 2);
    CHECK(wrapped.master == 1);
    const std::string sealed = it.keys.unwrap({5}, wrapped).seal("c", "n", Secret("secret"));
    CHECK(it.keys.unwrap({5}, wrapped).open("c", "n", sealed).reveal() == "secret");
    CHECK(code_of([&] { it.keys.unwrap({6}, wrapped); }) == "vault.sealed_otherwise");
    WrappedKey as_other = wrapped;
    as_other.version = 3;
    CHECK(code_of([&] { it.keys.unwrap({5}, as_other); }) == "vault.sealed_otherwise");
    Keys stranger(line(1, '8'));
    CHECK(code_of([&] { stranger.keys.unwrap({5}, wrapped); }) == "vault.sealed_otherwise");
}

TEST_CASE("a key that was wrapped again opens the same, and the old master key may go") {
    Keys it(line(1, '7'));
    const WrappedKey wrapped = it.keys.draw({5}, 1);
    const std::string sealed = it.keys.unwrap({5}, wrapped).seal("c", "n", Secret("secret"));
    it.text = line(1, '7') + line(2, '8');
    it.keys.reload();
    const WrappedKey again = it.keys.rewrap({5}, wrapped);
    CHECK(again.master == 2);
    CHECK(again.version == 1);
    it.text = line(2, '8');
    it.keys.reload();
    CHECK(it.keys.unwrap({5}, again).open("c", "n", sealed).reveal() == "secret");
    CHECK(code_of([&] { it.keys.unwrap({5}, wrapped); }) == "vault.unknown_master");
}

TEST_CASE("a master key that came while the process ran is found when it is needed") {
    Keys it(line(1, '7'));
    Keys rotated(line(1, '7') + line(2, '8'));
    const WrappedKey wrapped = rotated.keys.draw({5}, 1);
    CHECK(code_of([&] { it.keys.unwrap({5}, wrapped); }) == "vault.unknown_master");
    it.text = rotated.text;
    CHECK(it.keys.unwrap({5}, wrapped).version() == 1);
    CHECK(it.keys.newest() == 2);
}

TEST_CASE("a file that was damaged while the process ran leaves it the keys it knows") {
    Keys it(line(1, '7'));
    const WrappedKey wrapped = it.keys.draw({5}, 1);
    it.text = "nothing";
    CHECK(code_of([&] { it.keys.reload(); }) == "vault.bad_key");
    CHECK(it.keys.unwrap({5}, wrapped).version() == 1);
}
