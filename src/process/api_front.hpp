#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "api/api.hpp"
#include "channels/meta_connect.hpp"
#include "domain/channel.hpp"
#include "identity/passwords.hpp"
#include "process/background_erasure.hpp"
#include "process/shared.hpp"
#include "redis/pace.hpp"

namespace relevo {

/// /v1 of this process, on one io_context.
class ApiFront {
  public:
    /// All that is given outlives it. Throws Failure "api.bad_document", "identity.bad_settings".
    ApiFront(boost::asio::io_context& io, Shared& shared, HttpClient& http, Random& random);

    void add_routes(Router& router) { api_.add_routes(router); }
    /// Never ends.
    Task<void> forget_old_requests() { return api_.forget_old_requests(); }
    /// Of shops' connections to Meta. Never ends.
    Task<void> keep_connections() { return meta_.keep(); }

  private:
    ApiFront(boost::asio::io_context& io, Shared& shared, HttpClient& http, Random& random,
             const ApiDocument& document);

    std::unique_ptr<SignInStore> sign_in_;
    std::unique_ptr<PeopleStore> people_;
    Passwords passwords_;
    std::unique_ptr<Identity> identity_;
    std::unique_ptr<RequestBook> requests_;
    RedisPace pace_;
    const MetaSettings meta_settings_;
    MetaGraph meta_graph_;
    std::unique_ptr<MetaStore> meta_store_;
    MetaConnect meta_;
    const Channels channels_;
    BackgroundErasure erasure_;
    Api api_;
};

}  // namespace relevo
