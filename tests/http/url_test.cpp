#include "http/url.hpp"

#include <doctest/doctest.h>

namespace relevo {

TEST_CASE("a URL is a host, a port and what the request line has") {
    const auto url = parse_url("HTTPS://API.Example.com/v1/chat?a=b%20c#fragment");
    REQUIRE(url.has_value());
    CHECK(url->origin.tls);
    CHECK(url->origin.to_string() == "api.example.com:443");
    CHECK(url->target == "/v1/chat?a=b%20c");
    CHECK(parse_url("http://a.example")->target == "/");
    CHECK(parse_url("http://a.example?x=1")->target == "/?x=1");
    CHECK(parse_url("http://a.example:8080/")->origin.port == "8080");
    CHECK(parse_url("http://[2606:4700::1111]:81/")->origin.host == "2606:4700::1111");
}

TEST_CASE("a name that begins like an address is that name, or none") {
    for (const std::string name : {"1.2.3.4a", "1.2.3.4.5", "127.0.0.1.nip.io", "1.2.3.4.example.com"}) {
        CAPTURE(name);
        const auto url = parse_url("http://" + name + ":8080/v1");
        CHECK((!url || (url->origin.host == name && url->target == "/v1")));
    }
}

TEST_CASE("whoever asks for nothing else is guarded") {
    CHECK(parse_url("http://a.example/")->origin.guarded);
}

TEST_CASE("what is none, or misleads, is none") {
    for (const auto* text :
         {"", "a.example", "ftp://a.example/", "http://", "http://u@a.example/", "http://a%2eb/",
          "http://a:0/", "http://a:65536/", "http://a/\r\nb", "http://a/ b", "http://[::1"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_url(text).has_value());
    }
}

}  // namespace relevo
