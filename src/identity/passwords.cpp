#include "identity/passwords.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "core/utf8.hpp"

namespace relevo {
namespace {

constexpr std::size_t least_characters = 10;
constexpr std::size_t most_bytes = 512;  // argon2id reads all of it; a phrase has no more

// Well-formed and of these limits, but of no password: its digest was never computed.
std::string hash_of_nobody(const PasswordLimits& limits) {
    return fmt::format("$argon2id$v=19$m={},t={},p=1$AAAAAAAAAAAAAAAAAAAAAA${}", limits.memory_bytes / 1024,
                       limits.operations, std::string(43, 'A'));
}

// A long phrase is better than a short one with signs in it (NIST SP 800-63B, 5.1.1.2).
bool is_strong(const Secret& password) {
    if (password.reveal().size() > most_bytes) return false;
    const Secret readable(clean_utf8(password.reveal()));
    return count_code_points(readable.reveal()) >= least_characters;
}

Error busy() {
    return {Fault::transient, "identity.busy",
            "too many people sign in at this moment; try again in a few seconds", Millis{3'000}};
}

}  // namespace

Passwords::Passwords(PasswordLimits limits)
    : limits_(limits),
      nobodys_hash_(hash_of_nobody(limits)),
      threads_(static_cast<std::size_t>(limits.threads)) {}

Passwords::~Passwords() {
    threads_.join();
}

template <class T, class Work>
Task<Result<T>> Passwords::run(Work work) {
    // A caller that is given up may go after us.
    struct Place {
        std::shared_ptr<std::atomic<int>> open;
        const int before;
        explicit Place(std::shared_ptr<std::atomic<int>> counter)
            : open(std::move(counter)), before(open->fetch_add(1)) {}
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place() { --*open; }
    };
    const Place place(open_);
    if (place.before >= limits_.threads + limits_.max_waiting) co_return busy();
    auto on_thread = [](Work its_work) -> Task<Result<T>> { co_return its_work(); };
    co_return co_await boost::asio::co_spawn(threads_, on_thread(std::move(work)),
                                             boost::asio::use_awaitable);
}

Task<Result<Passwords::Verdict>> Passwords::verify(Secret password, std::string hash) {
    auto work = [password = std::move(password), hash = std::move(hash), nobody = nobodys_hash_,
                 limits = limits_]() -> Result<Verdict> {
        const bool known = !hash.empty();
        const std::string& stored = known ? hash : nobody;
        const std::string& given = password.reveal();
        // What cannot be a password takes the same time too.
        const bool possible = given.size() <= most_bytes;
        const bool same =
            crypto_pwhash_str_verify(stored.c_str(), given.data(), possible ? given.size() : 0) == 0;
        Verdict verdict;
        verdict.right = known && possible && same;
        verdict.outdated = verdict.right && crypto_pwhash_str_needs_rehash(stored.c_str(), limits.operations,
                                                                           limits.memory_bytes) != 0;
        return verdict;
    };
    co_return co_await run<Verdict>(std::move(work));
}

Task<Result<std::string>> Passwords::hash(Secret password) {
    if (!is_strong(password)) {
        co_return Error{Fault::permanent, "identity.weak_password",
                        "choose a password of at least 10 characters and at most 512 bytes"};
    }
    auto work = [password = std::move(password), limits = limits_]() -> Result<std::string> {
        std::array<char, crypto_pwhash_STRBYTES> out{};
        if (crypto_pwhash_str_alg(out.data(), password.reveal().data(), password.reveal().size(),
                                  limits.operations, limits.memory_bytes,
                                  crypto_pwhash_ALG_ARGON2ID13) != 0) {
            return busy();  // there was no memory for it
        }
        return std::string(out.data());
    };
    co_return co_await run<std::string>(std::move(work));
}

}  // namespace relevo
