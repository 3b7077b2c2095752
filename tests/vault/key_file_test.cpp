#include "vault/key_file.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "core/error.hpp"
#include "core/random.hpp"

using namespace relevo;
namespace fs = std::filesystem;

namespace {

struct Folder {
    Folder() { fs::create_directory(path); }
    ~Folder() { fs::remove_all(path); }
    const fs::path path = fs::temp_directory_path() / ("relevo-keys-" + SystemRandom().hex(6));
    const fs::path file = path / "master.key";
};

std::string error_of(const auto& action) {
    try {
        action();
    } catch (const Failure& failure) {
        return failure.error().code + " " + failure.error().text;
    }
    return {};
}

}  // namespace

TEST_CASE("a file is changed as a whole, for its owner's eyes only") {
    Folder it;
    std::ofstream(it.file) << "one\n";
    fs::permissions(it.file, fs::perms::all);
    change_key_file(it.file, [](const std::string& text) { return text + "two\n"; });
    CHECK(master_key_file(it.file).read() == "one\ntwo\n");
    CHECK(fs::status(it.file).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
    CHECK(std::distance(fs::directory_iterator(it.path), {}) == 1);
}

TEST_CASE("a change that fails leaves the file, and nothing beside it") {
    Folder it;
    std::ofstream(it.file) << "one\n";
    CHECK(error_of([&] {
              change_key_file(it.file, [](const std::string&) -> std::string {
                  throw Failure({Fault::permanent, "vault.bad_key", "no"});
              });
          }) == "vault.bad_key no");
    CHECK(master_key_file(it.file).read() == "one\n");
    CHECK(std::distance(fs::directory_iterator(it.path), {}) == 1);
}

TEST_CASE("two who change the keys at once do not lose each other's") {
    Folder it;
    std::ofstream(it.file) << "one\n";
    change_key_file(it.file, [&](const std::string& text) {
        CHECK(error_of([&] {
                  change_key_file(it.file, [](const std::string& other) { return other; });
              }).find("somebody else changes the keys") != std::string::npos);
        return text;
    });
}

TEST_CASE("a new key file is its owner's, and never written over another") {
    Folder it;
    new_key_file(it.file, Secret("1:abc"));
    CHECK(master_key_file(it.file).read() == "1:abc\n");
    CHECK(fs::status(it.file).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
    CHECK(error_of([&] { new_key_file(it.file, Secret("2:def")); }).find("is there already") !=
          std::string::npos);
    CHECK(master_key_file(it.file).read() == "1:abc\n");
    CHECK(std::distance(fs::directory_iterator(it.path), {}) == 1);
}

TEST_CASE("a file that is not there is named") {
    CHECK(error_of([] { master_key_file("/nowhere/master.key").read(); }).find("/nowhere/master.key") !=
          std::string::npos);
}

TEST_CASE("a command gives the keys that it prints") {
    CHECK(master_key_command("echo 1:77").read() == "1:77\n");
}

TEST_CASE("a command that fails is refused with its exit code, and without what it printed") {
    const std::string error = error_of([] { master_key_command("echo secret; exit 3").read(); });
    CHECK(error == "vault.bad_key master_key_command: ended with exit code 3");
}

TEST_CASE("a command that prints without end is cut off") {
    CHECK(error_of([] { master_key_command("yes").read(); }).find("64 KiB") != std::string::npos);
}
