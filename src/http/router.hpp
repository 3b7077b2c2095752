#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.hpp"

namespace relevo {

/// The percent-decoded parts of a path that a pattern names.
using PathParams = std::map<std::string, std::string, std::less<>>;
using RouteHandler = std::function<Task<HttpResponse>(HttpRequest, PathParams)>;
using RouteHeadCheck = std::function<Task<std::optional<HttpResponse>>(HttpRequest head, PathParams)>;

/// An answer that was given. `pattern` is the route's, "none" where there was none.
struct Answered {
    std::string_view method;
    std::string_view pattern;
    int status = 0;
    Millis took{0};
};

/// Which handler answers which method and path. A pattern is literal parts, `{name}` for one non-empty part,
/// and at the end `{name...}` for the whole rest, slashes included. Literal parts win over named ones, those
/// over rests; among equals the first one added. Does not change while requests are handled.
class Router {
  public:
    /// GET also answers HEAD. `check`, where given, judges the head before the body is read.
    void add(std::string_view method, std::string_view pattern, RouteHandler handler,
             RouteHeadCheck check = {});

    /// Told of every answer.
    void observe(std::function<void(const Answered&)> observer) { observer_ = std::move(observer); }

    /// 404 for an unknown path, 405 with Allow for an unknown method.
    Task<HttpResponse> handle(HttpRequest request) const;
    /// The same judgement from the head alone, then the route's own check. The server's HeadCheck.
    Task<std::optional<HttpResponse>> check(HttpRequest head) const;

  private:
    struct Route {
        std::string method;
        std::string pattern;
        std::vector<std::string> parts;
        RouteHandler handler;
        RouteHeadCheck check;
    };
    struct Match {
        const Route* route = nullptr;  ///< none: answer `refusal`
        PathParams params;
        HttpResponse refusal;
    };
    Match match(const HttpRequest& request) const;
    class Timing;

    std::vector<Route> routes_;
    std::function<void(const Answered&)> observer_;
};

}  // namespace relevo
