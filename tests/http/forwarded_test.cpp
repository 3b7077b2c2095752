#include "http/forwarded.hpp"

#include <doctest/doctest.h>

using namespace relevo;

namespace {

std::string client(std::string peer, std::vector<std::string> forwarded,
                   const std::vector<std::string>& proxies = {"127.0.0.1", "10.0.0.2"}) {
    HttpRequest request;
    request.peer = std::move(peer);
    for (auto& value : forwarded) request.headers.emplace_back("x-forwarded-for", std::move(value));
    return client_address(request, proxies);
}

}  // namespace

TEST_CASE("who connects is the client, whatever they say of themselves") {
    CHECK(client("203.0.113.7", {}) == "203.0.113.7");
    CHECK(client("203.0.113.7", {"198.51.100.1"}) == "203.0.113.7");
    CHECK(client("127.0.0.1", {"198.51.100.1"}, {}) == "127.0.0.1");
}

TEST_CASE("a proxy of ours says whom it serves, and what came with them counts for nothing") {
    CHECK(client("127.0.0.1", {"203.0.113.7"}) == "203.0.113.7");
    CHECK(client("127.0.0.1", {"1.2.3.4, 203.0.113.7"}) == "203.0.113.7");
    CHECK(client("127.0.0.1", {"1.2.3.4", "203.0.113.7 , 10.0.0.2"}) == "203.0.113.7");
    CHECK(client("127.0.0.1", {"2001:DB8::1"}) == "2001:db8::1");
    CHECK(client("::ffff:127.0.0.1", {"203.0.113.7"}) == "203.0.113.7");
}

TEST_CASE("an entry that is no address ends the way there") {
    CHECK(client("127.0.0.1", {"unknown"}) == "127.0.0.1");
    CHECK(client("127.0.0.1", {""}) == "127.0.0.1");
    CHECK(client("127.0.0.1", {"203.0.113.7, _hidden"}) == "127.0.0.1");
    CHECK(client("127.0.0.1", {}) == "127.0.0.1");
}
