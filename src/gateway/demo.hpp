#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>

#include "domain/gateway_stores.hpp"
#include "domain/live.hpp"
#include "gateway/webhooks.hpp"
#include "http/socket_io.hpp"
#include "http/static_files.hpp"

namespace relevo {

/// The page /demo, its data and the shop's side of each conversation; namespace /demo tells each settled
/// record, what humans' conversations come to, and when to read the shops again. Answers requests of this
/// machine only: it has no login.
class Demo {
  public:
    Demo(DemoStore& store, HandoffStore& handoff, Live& live, Intake& intake, std::string public_url);

    void add_routes(Router& router, const StaticFiles& pages);
    Namespace name_space();
    /// Which there are, or their addresses: the pages read them again.
    void shops_changed();

  private:
    using Handler = std::function<Task<HttpResponse>(HttpRequest, PathParams)>;
    void route(Router& router, std::string_view method, std::string_view pattern, Handler handler);
    Task<HttpResponse> hand_over(PathParams params, bool to_human);
    Task<HttpResponse> reply(HttpRequest request, PathParams params);
    void tell(std::string_view payload);
    void tell_desk(std::string_view payload);
    void tell_pages(std::string_view event, std::string_view json_args);

    DemoStore& store_;
    HandoffStore& handoff_;
    Live& live_;
    Intake& intake_;
    std::string public_url_;
    std::deque<std::string> recent_;
    std::set<std::shared_ptr<Socket>> sockets_;
    std::unique_ptr<Subscription> path_;
    std::unique_ptr<Subscription> desk_;
};

}  // namespace relevo
