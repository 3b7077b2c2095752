#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <memory>

#include "cli/config.hpp"
#include "domain/person_store.hpp"

namespace relevo {

/// Erasures for the API, one after the other on a thread of its own, each as the command line does it.
/// Whoever destroys it waits for the one that goes on, some 25 s at most.
class BackgroundErasure final : public PersonErasure {
  public:
    /// `config` outlives it.
    explicit BackgroundErasure(const Config& config) : config_(config) {}
    ~BackgroundErasure() override;

    Task<Result<Erased>> erase(TenantId tenant, CrmId contact, Actor actor) override;

  private:
    const Config& config_;
    std::shared_ptr<std::atomic<int>> waiting_ = std::make_shared<std::atomic<int>>(0);
    boost::asio::thread_pool thread_{1};
};

}  // namespace relevo
