#include "redis/address.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>

namespace relevo {
namespace {

// All of `text` as a number, at least `least`.
template <class Number>
bool read_number(std::string_view text, Number least, Number& out) {
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && rest == text.data() + text.size() && out >= least;
}

Error bad_url(std::string_view what) {
    return {Fault::permanent, "redis.bad_url",
            "the address of Redis " + std::string(what) +
                ": write redis://[user:password@]host[:port][/database]"};
}

}  // namespace

Result<RedisAddress> parse_redis_url(std::string_view text) {
    const auto url = boost::urls::parse_uri(text);
    if (!url) return bad_url("is not a URL");
    if (url->scheme() != "redis") return bad_url("does not begin with redis://");
    if (url->host().empty()) return bad_url("names no host");
    RedisAddress address;
    address.host = url->host_address();
    const std::string_view port = url->port();
    if (!port.empty() && !read_number<std::uint16_t>(port, 1, address.port))
        return bad_url("has no valid port");
    address.user = url->user();
    address.password = Secret(url->password());
    const std::string path = url->path();
    if (path.size() > 1 && !read_number(std::string_view(path).substr(1), 0, address.database)) {
        return bad_url("has no valid database");
    }
    return address;
}

}  // namespace relevo
