#include "tests/cli/healthy.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct Fixture : Healthy {
    std::string complain() const { return complaints(file_checks(), FileFacts{config_file}, *this); }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "of files that are there and private nothing is said") {
    CHECK(complain() == "");
}

TEST_CASE_FIXTURE(Fixture, "a file or folder that is not there is wrong") {
    config.console = folder.path() / "nothing";
    check_one(complain(), "files exist: wrong: ", {"console", "nothing is no folder"});
    config.console = folder.path();
    config.master_key_file = folder.path() / "no.key";
    check_one(complain(), "files exist: wrong: ", {"master_key_file", "no.key is no file"});
}

TEST_CASE_FIXTURE(Fixture, "a key or password that everybody may read is wrong") {
    for (const auto& file : {config.master_key_file, config_file}) {
        std::filesystem::permissions(file, std::filesystem::perms(0644));
        check_one(complain(), "secrets are private: wrong: ", {file.string(), "chmod 600"});
        std::filesystem::permissions(file, std::filesystem::perms(0660));
        check_one(complain(), "secrets are private: warning: ", {file.string()});
        std::filesystem::permissions(file, std::filesystem::perms(0640));
        CHECK(complain() == "");
        std::filesystem::permissions(file, std::filesystem::perms(0600));
    }
}

TEST_CASE_FIXTURE(Fixture, "a public address without TLS is wrong, one of this machine a warning") {
    config.public_url = "http://relevo.example";
    check_one(complain(), "public address: wrong: ", {"unencrypted", "https"});
    config.public_url = "http://127.0.0.1:8080";
    check_one(complain(), "public address: warning: ", {"no provider"});
}

TEST_CASE_FIXTURE(Fixture, "an operator without a role of their own is a warning") {
    config.postgres_operator_url = Secret();
    check_one(complain(), "operator's address: warning: ", {"relevo_operator"});
}
