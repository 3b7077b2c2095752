#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/random.hpp"
#include "domain/live.hpp"
#include "gateway/endpoint_cache.hpp"
#include "gateway/webhooks.hpp"
#include "http/socket_io.hpp"

namespace relevo {

/// The web channel's sockets, namespace /web. A visitor connects with the shop's public key and, coming back,
/// with the unguessable name that `session` gave them. What they write goes to the log as any webhook does;
/// what they see is read from the rows whenever a nudge says that there is more. `standing` says who answers,
/// at the beginning and whenever that changes; drafts (`delta`) pass through while an agent does.
class WebWidget {
  public:
    WebWidget(EndpointCache& endpoints, WebStore& store, Live& live, Intake& intake, Random& random)
        : endpoints_(endpoints), store_(store), live_(live), intake_(intake), random_(random) {}

    Namespace name_space();

  private:
    struct Visit;
    using Sockets = std::shared_ptr<Socket>;

    Task<Result<void>> connect(Sockets socket, std::string auth);
    Task<void> event(Sockets socket, std::string name, std::string args,
                     std::function<void(std::string)> ack);
    static std::unique_ptr<Subscription> watch(const std::shared_ptr<Visit>& visit);
    static Task<void> follow(std::weak_ptr<Visit> visit);
    static void nudge(const std::shared_ptr<Visit>& visit, std::string_view payload);

    EndpointCache& endpoints_;
    WebStore& store_;
    Live& live_;
    Intake& intake_;
    Random& random_;
    std::map<Socket*, std::shared_ptr<Visit>> visits_;
};

}  // namespace relevo
