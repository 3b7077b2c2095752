#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/task.hpp"
#include "domain/secret.hpp"

namespace relevo {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// A request that reached us. `target` is path and query as sent; `path` is without the query; `body` is raw.
struct HttpRequest {
    std::string method;
    std::string target;
    std::string path;
    HttpHeaders headers;
    std::string body;
    std::string peer;  ///< the remote address, for the log

    /// The first header of that name (any case), or nothing.
    std::string_view header(std::string_view name) const;
    /// The percent-decoded query parameter, or nothing.
    std::string query(std::string_view name) const;
};

struct HttpResponse {
    int status = 200;
    std::string body;
    std::string content_type = "application/json";
    HttpHeaders headers;
};

/// {"error":{"code":…,"text":…}}: what went wrong and what to do, for the caller.
HttpResponse error_response(int status, std::string_view code, std::string_view text);

/// Who chose a call's address: the operator or we, or a tenant, whom we must not follow into the operator's
/// network.
enum class ChosenBy { tenant, installation };

/// A request of ours to a provider.
struct HttpCall {
    std::string method = "POST";
    std::string url;  ///< http or https
    HttpHeaders headers;
    std::string body;
    Millis deadline{10'000};  ///< for the whole exchange
    std::size_t max_response_bytes = 1 << 20;
    bool reuse_connection = true;
    ChosenBy chosen_by = ChosenBy::tenant;
};

/// Adds the header Authorization: Bearer TOKEN, and leaves no other copy of it.
void authorize(HttpCall& call, const Secret& token);

/// What came back. Receives the body's parts as they arrive where a sink was given.
using BodySink = std::function<void(std::string_view)>;

/// How far a failed call got: whether the other side can have acted on it.
enum class Reached { no, maybe };
struct HttpFault {
    Reached reached;
    std::string text;      ///< names host and reason; never a header or a body
    bool refused = false;  ///< by us, and always will be: repeating it is useless
};

class HttpClient {
  public:
    virtual ~HttpClient() = default;
    /// Never throws for the network's faults. With a sink the response's body stays empty when its status is
    /// 2xx and goes to the sink in parts; other statuses fill the body.
    virtual Task<boost::system::result<HttpResponse, HttpFault>> send(HttpCall call, BodySink sink = {}) = 0;
};

[[noreturn]] inline void throw_exception_from_error(const HttpFault& fault, const boost::source_location&) {
    throw Failure({fault.refused ? Fault::permanent : Fault::transient, "http.fault", fault.text});
}

}  // namespace relevo
