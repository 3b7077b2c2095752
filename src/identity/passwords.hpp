#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <memory>
#include <string>

#include "core/error.hpp"
#include "core/task.hpp"
#include "domain/secret.hpp"

namespace relevo {

/// What a guess at a password costs, and how many are worked on at once. argon2id's moderate limits: 256 MiB
/// and about 0.7 s of one core each.
struct PasswordLimits {
    unsigned long long operations = 3;
    std::size_t memory_bytes = 256 * 1024 * 1024;
    int threads = 2;       ///< so that sign-ins hold at most 512 MiB
    int max_waiting = 16;  ///< beyond it a sign-in is told to come back: the last one waits some 6 s
};

/// argon2id on threads of its own, never on the caller's. Safe to use from several io_contexts; must outlive
/// its calls.
class Passwords {
  public:
    explicit Passwords(PasswordLimits limits = {});
    ~Passwords();
    Passwords(const Passwords&) = delete;
    Passwords& operator=(const Passwords&) = delete;

    struct Verdict {
        bool right = false;
        bool outdated = false;  ///< right, and hashed with other limits than today's: hash it again
    };
    /// An empty `hash`, for somebody whom we do not know, takes the same time and is never right. Fails with
    /// "identity.busy" (transient).
    Task<Result<Verdict>> verify(Secret password, std::string hash);
    /// For storing: salt and limits are in it. Fails with "identity.weak_password" (permanent) below 10
    /// characters or above 512 bytes, with "identity.busy" (transient).
    Task<Result<std::string>> hash(Secret password);

  private:
    template <class T, class Work>
    Task<Result<T>> run(Work work);

    const PasswordLimits limits_;
    const std::string nobodys_hash_;
    const std::shared_ptr<std::atomic<int>> open_ = std::make_shared<std::atomic<int>>(0);
    boost::asio::thread_pool threads_;
};

}  // namespace relevo
