#include "http/router.hpp"

#include <boost/url/pct_string_view.hpp>
#include <chrono>
#include <compare>
#include <set>

namespace relevo {
namespace {

std::vector<std::string> split(std::string_view path) {
    std::vector<std::string> parts;
    if (path.starts_with('/')) path.remove_prefix(1);
    while (true) {
        const auto slash = path.find('/');
        parts.emplace_back(path.substr(0, slash));
        if (slash == std::string_view::npos) return parts;
        path.remove_prefix(slash + 1);
    }
}

/// Nothing for an escape that is none, or one that names NUL.
std::optional<std::string> percent_decoded(std::string_view text) {
    const auto view = boost::urls::make_pct_string_view(text);
    if (!view) return std::nullopt;
    std::string out((*view).decoded_size(), '\0');
    (*view).decode({}, boost::urls::string_token::assign_to(out));
    if (out.find('\0') != std::string::npos) return std::nullopt;
    return out;
}

enum class Kind { literal, named, rest };

Kind kind(std::string_view part) {
    if (!part.starts_with('{') || !part.ends_with('}')) return Kind::literal;
    return part.ends_with("...}") ? Kind::rest : Kind::named;
}

std::string name_of(std::string_view part) {
    const auto dots = kind(part) == Kind::rest ? 3u : 0u;
    return std::string(part.substr(1, part.size() - 2 - dots));
}

/// A smaller one is more specific.
std::vector<Kind> rank(const std::vector<std::string>& parts) {
    std::vector<Kind> kinds;
    for (const auto& part : parts) kinds.push_back(kind(part));
    return kinds;
}

std::optional<PathParams> match_parts(const std::vector<std::string>& pattern,
                                      const std::vector<std::string>& path) {
    PathParams params;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (kind(pattern[i]) == Kind::rest) {
            std::string rest;
            for (auto at = i; at < path.size(); ++at) rest += (at == i ? "" : "/") + path[at];
            auto value = percent_decoded(rest);
            if (!value) return std::nullopt;
            params[name_of(pattern[i])] = std::move(*value);
            return params;
        }
        if (i >= path.size()) return std::nullopt;
        if (kind(pattern[i]) == Kind::literal) {
            if (pattern[i] != path[i]) return std::nullopt;
            continue;
        }
        auto value = percent_decoded(path[i]);
        if (!value || value->empty()) return std::nullopt;
        params[name_of(pattern[i])] = std::move(*value);
    }
    if (path.size() != pattern.size()) return std::nullopt;
    return params;
}

std::string joined(const std::set<std::string>& methods) {
    std::string out;
    for (const auto& method : methods) out += (out.empty() ? "" : ", ") + method;
    return out;
}

}  // namespace

void Router::add(std::string_view method, std::string_view pattern, RouteHandler handler,
                 RouteHeadCheck check) {
    routes_.push_back(
        {std::string(method), std::string(pattern), split(pattern), std::move(handler), std::move(check)});
}

Router::Match Router::match(const HttpRequest& request) const {
    const auto path = split(request.path);
    Match best;
    std::set<std::string> allowed;
    for (const auto& route : routes_) {
        auto params = match_parts(route.parts, path);
        if (!params) continue;
        allowed.insert(route.method);
        if (route.method == "GET") allowed.insert("HEAD");
        if (route.method != request.method && !(route.method == "GET" && request.method == "HEAD")) continue;
        if (best.route && rank(best.route->parts) <= rank(route.parts)) continue;
        best.route = &route;
        best.params = std::move(*params);
    }
    if (best.route) return best;
    if (allowed.empty()) {
        best.refusal = error_response(404, "http.unknown_path", "nothing is here");
    } else {
        best.refusal = error_response(405, "http.unknown_method", "this path takes " + joined(allowed));
        best.refusal.headers.emplace_back("Allow", joined(allowed));
    }
    return best;
}

// Tells of the answer when it is given, or when a handler threw, which the server answers with 500.
class Router::Timing {
  public:
    Timing(const Router& router, const Route* route) : router_(router), route_(route) {}
    ~Timing() {
        if (!router_.observer_ || status == 0) return;
        const auto took = std::chrono::steady_clock::now() - begun_;
        router_.observer_({route_ ? std::string_view(route_->method) : "none",
                           route_ ? std::string_view(route_->pattern) : "none", status,
                           std::chrono::duration_cast<Millis>(took)});
    }
    Timing(const Timing&) = delete;
    Timing& operator=(const Timing&) = delete;

    int status = 500;

  private:
    const Router& router_;
    const Route* route_;
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

Task<HttpResponse> Router::handle(HttpRequest request) const {
    auto matched = match(request);
    Timing timing(*this, matched.route);
    HttpResponse response = std::move(matched.refusal);
    if (matched.route) {
        auto running = matched.route->handler(std::move(request), std::move(matched.params));
        response = co_await std::move(running);
    }
    timing.status = response.status;
    co_return response;
}

Task<std::optional<HttpResponse>> Router::check(HttpRequest head) const {
    auto matched = match(head);
    Timing timing(*this, matched.route);
    std::optional<HttpResponse> refusal;
    if (!matched.route) {
        refusal = std::move(matched.refusal);
    } else if (matched.route->check) {
        auto running = matched.route->check(std::move(head), std::move(matched.params));
        refusal = co_await std::move(running);
    }
    timing.status = refusal ? refusal->status : 0;  // not answered yet
    co_return refusal;
}

}  // namespace relevo
