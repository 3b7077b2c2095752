#include "identity/passwords.hpp"

#include <doctest/doctest.h>
#include <sodium.h>

#include <ctime>
#include <thread>

#include "tests/identity/fakes.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

// What a hash costs is another test's matter.
PasswordLimits cheap() {
    PasswordLimits limits;
    limits.operations = crypto_pwhash_OPSLIMIT_MIN;
    limits.memory_bytes = 1024 * 1024;
    return limits;
}

std::string hash(Passwords& passwords, const std::string& password) {
    const auto hashed = run(passwords.hash(Secret(password)));
    return hashed ? *hashed : hashed.error().code;
}

Passwords::Verdict verify(Passwords& passwords, const std::string& password, const std::string& hash) {
    return run(passwords.verify(Secret(password), hash)).value();
}

}  // namespace

TEST_CASE("a password is what was hashed, to the last byte") {
    Passwords passwords(cheap());
    const std::string stored = hash(passwords, "correcto caballo");
    CHECK(stored.starts_with("$argon2id$v=19$m=1024,t=1,p=1$"));
    CHECK(stored.find("caballo") == std::string::npos);
    CHECK(hash(passwords, "correcto caballo") != stored);  // each has a salt of its own
    CHECK(verify(passwords, "correcto caballo", stored).right);
    CHECK_FALSE(verify(passwords, "correcto caballo", stored).outdated);
    for (const std::string wrong : {"", "correcto caball", "correcto caballo ", "Correcto caballo"}) {
        CHECK_FALSE(verify(passwords, wrong, stored).right);
    }
    CHECK_FALSE(verify(passwords, std::string("correcto caballo\0x", 18), stored).right);
}

TEST_CASE("nobody has a password, and asking for theirs takes the same work") {
    Passwords passwords(cheap());
    for (const std::string guess : {"", "correcto caballo", "AAAAAAAAAA"}) {
        const auto verdict = verify(passwords, guess, "");
        CHECK_FALSE(verdict.right);
        CHECK_FALSE(verdict.outdated);
    }
    CHECK_FALSE(verify(passwords, "x", "no hash at all").right);
    // as much as a real one: processor time, whose ratio does not depend on the machine
    PasswordLimits limits = cheap();
    limits.memory_bytes = 32 * 1024 * 1024;
    limits.threads = 1;
    Passwords slow(limits);
    const std::string stored = hash(slow, "correcto caballo");
    const auto cost = [&](const std::string& of) {
        timespec before{};
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
        for (int i = 0; i < 5; ++i) verify(slow, "correcto caballo!", of);
        timespec after{};
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
        return static_cast<double>(after.tv_sec - before.tv_sec) +
               static_cast<double>(after.tv_nsec - before.tv_nsec) * 1e-9;
    };
    cost(stored);
    const double ratio = cost("") / cost(stored);
    CHECK(ratio > 0.6);
    CHECK(ratio < 1.7);
}

TEST_CASE("a password of other limits is right, and hashed again") {
    Passwords old(cheap());
    const std::string stored = hash(old, "correcto caballo");
    PasswordLimits more = cheap();
    more.operations = 2;
    Passwords passwords(more);
    const auto verdict = verify(passwords, "correcto caballo", stored);
    CHECK(verdict.right);
    CHECK(verdict.outdated);
    CHECK_FALSE(verify(passwords, "falso caballo", stored).outdated);
}

TEST_CASE("the limits are argon2id's moderate ones") {
    CHECK(PasswordLimits{}.operations == crypto_pwhash_OPSLIMIT_MODERATE);
    CHECK(PasswordLimits{}.memory_bytes == crypto_pwhash_MEMLIMIT_MODERATE);
}

TEST_CASE("a password that can be guessed, or fills the memory, is refused") {
    Passwords passwords(cheap());
    CHECK(hash(passwords, "123456789") == "identity.weak_password");
    CHECK(hash(passwords, "ñañañañañ") == "identity.weak_password");  // 9 characters of 14 bytes
    CHECK(hash(passwords, "ñañañañaña").starts_with("$argon2id$"));
    CHECK(hash(passwords, std::string(513, 'a')) == "identity.weak_password");
    const std::string longest(512, 'a');
    const std::string stored = hash(passwords, longest);
    CHECK(verify(passwords, longest, stored).right);
    CHECK_FALSE(verify(passwords, longest + "a", stored).right);
    CHECK_FALSE(verify(passwords, std::string(100'000, 'a'), stored).right);
}

TEST_CASE(
    "more sign-ins at once than there is room for are told to come back, and the loop is never blocked") {
    PasswordLimits limits = cheap();
    limits.threads = 1;
    limits.max_waiting = 3;
    limits.memory_bytes = 16 * 1024 * 1024;
    Passwords passwords(limits);
    boost::asio::io_context io;
    int verified = 0;
    int busy = 0;
    bool on_the_loop = true;
    const auto loop = std::this_thread::get_id();
    for (int i = 0; i < 50; ++i) {
        boost::asio::co_spawn(io, passwords.verify(Secret("correcto caballo"), ""),
                              [&](std::exception_ptr, Result<Passwords::Verdict> verdict) {
                                  on_the_loop = on_the_loop && std::this_thread::get_id() == loop;
                                  if (verdict) {
                                      ++verified;
                                      return;
                                  }
                                  ++busy;
                                  CHECK(verdict.error().code == "identity.busy");
                                  CHECK(verdict.error().fault == Fault::transient);
                                  CHECK(verdict.error().retry_after.has_value());
                              });
    }
    io.poll();  // nothing was waited for
    CHECK(busy >= 40);
    io.run();
    CHECK(on_the_loop);
    CHECK(verified >= 4);
    CHECK(verified + busy == 50);
    CHECK_FALSE(verify(passwords, "x", "").right);  // and there is room again
}
