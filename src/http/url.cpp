#include "http/url.hpp"

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "http/ascii.hpp"

namespace relevo {

std::optional<Url> parse_url(std::string_view text) {
    const auto parsed = boost::urls::parse_uri(text);
    if (!parsed || parsed->host().empty() || parsed->has_userinfo()) return std::nullopt;
    if (parsed->host_type() == boost::urls::host_type::ipvfuture) return std::nullopt;
    if (parsed->encoded_host().find('%') != std::string_view::npos) return std::nullopt;
    if (parsed->has_port() && parsed->port_number() == 0) return std::nullopt;
    Url url;
    if (parsed->scheme_id() == boost::urls::scheme::https) {
        url.origin.tls = true;
    } else if (parsed->scheme_id() != boost::urls::scheme::http) {
        return std::nullopt;
    }
    url.origin.host = parsed->host_address();
    std::ranges::transform(url.origin.host, url.origin.host.begin(), lower);
    url.origin.port = url.origin.tls ? "443" : "80";
    if (parsed->has_port()) url.origin.port = std::to_string(parsed->port_number());
    url.target = std::string(parsed->encoded_resource().substr(0));
    url.target.resize(std::min(url.target.find('#'), url.target.size()));
    // Boost 1.81 reads 1.2.3.4.example.com as the address 1.2.3.4 and a path: better nobody than the wrong
    // one.
    if (!url.target.empty() && url.target[0] != '/' && url.target[0] != '?') return std::nullopt;
    if (!url.target.starts_with('/')) url.target.insert(0, "/");
    return url;
}

}  // namespace relevo
