// Where a tenant's URL must never lead: each way that somebody found into somebody's network, as data.

#include "http/address_guard.hpp"

#include <doctest/doctest.h>

#include "http/client.hpp"
#include "tests/http/fake_network.hpp"

namespace relevo {
namespace {

using namespace loopback;

/// Internal addresses, in the one form in which a URL may have them.
const std::vector<std::string> internal_addresses = {
    // this machine
    "127.0.0.1", "127.0.0.2", "127.1.2.3", "127.255.255.254", "0.0.0.0", "0.0.0.1", "0.255.255.255", "[::1]",
    "[::]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]",
    // private networks
    "10.0.0.1", "10.255.255.255", "10.96.0.1", "172.16.0.1", "172.17.0.1", "172.31.255.255", "192.168.0.1",
    "192.168.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "[fc00::1]", "[fd00::1]",
    "[fd12:3456:789a:1::1]", "[fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]", "[fec0::1]", "[feff::1]",
    // link-local, and the clouds' metadata
    "169.254.169.254", "169.254.170.2", "169.254.0.1", "169.254.255.255", "[fe80::1]", "[febf::1]",
    "[fe80::a9fe:a9fe]", "[fd00:ec2::254]", "[fd00:ec2::23]", "[fd20:ce::254]", "168.63.129.16",
    "192.0.0.192",
    // reserved, documentation, benchmarks, multicast, broadcast
    "192.0.0.1", "192.0.0.170", "192.0.2.1", "198.51.100.7", "203.0.113.9", "198.18.0.1", "198.19.255.255",
    "192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.254", "255.255.255.255",
    "[ff02::1]", "[ff0e::1]", "[2001:db8::1]", "[3fff::1]", "[3fff:fff::1]", "[100::1]", "[5f00::1]",
    "[4000::1]", "[e000::1]",
    // an IPv4 address within: mapped, compatible, translated, 6to4, Teredo, ISATAP's link-local
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:10.0.0.1]", "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]", "[::ffff:192.168.0.1]", "[::ffff:0.0.0.0]", "[::ffff:8.8.8.8]",
    "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]", "[::7f00:1]", "[::10.0.0.1]", "[::169.254.169.254]",
    "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::10.0.0.1]",
    "[64:ff9b::169.254.169.254]", "[64:ff9b::192.168.1.1]", "[64:ff9b::100.64.0.1]", "[64:ff9b::0.0.0.0]",
    "[64:ff9b:1::1]", "[64:ff9b:1::169.254.169.254]", "[64:ff9b:0:1::8.8.8.8]", "[2002:7f00:1::]",
    "[2002:7f00:1::1]", "[2002:a00:1::]", "[2002:a9fe:a9fe::]", "[2002:c0a8:1::1]", "[2002:808:808::1]",
    "[2001::1]", "[2001:0:7f00:1::]", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[2001:2::1]", "[2001:10::1]",
    "[2001:20::1]", "[2001:1ff::1]", "[fe80::5efe:127.0.0.1]"};

/// Forms that some resolver or parser reads as an internal address, and that no honest URL needs.
const std::vector<std::string> disguised_hosts = {
    // as C reads numbers: decimal, octal, hexadecimal, short, mixed, overflowing
    "2130706433",
    "3232235521",
    "2852039166",
    "167772161",
    "0",
    "1",
    "4294967295",
    "017700000001",
    "0177.0.0.1",
    "0177.0.0.01",
    "0177.1",
    "00000177.0.0.1",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0X7F.0.0.1",
    "0x7F000001",
    "0x7f.0x0.0x0.0x1",
    "127.1",
    "127.0.1",
    "127.0.0.0x1",
    "127.0.0.01",
    "127.0.0.001",
    "127.000.000.001",
    "10.1",
    "192.168.257",
    "192.168.1",
    "169.254.43518",
    "169.16689662",
    "0xa9fea9fe",
    "0xa9.0xfe.0xa9.0xfe",
    "025177524776",
    "0251.0376.0251.0376",
    "169.254.0xa9fe",
    "0x100000001",
    "425.510.425.510",
    "256.256.256.256",
    "127.0.0.256",
    "1.2.3.4.5",
    "0.0",
    "00",
    "0x",
    "0x0",
    "08.0.0.1",
    // a dot at the end
    "127.0.0.1..",
    "063.0.1.1..",
    "a.test..",
    "127.0.0.1.",
    "10.0.0.1.",
    "169.254.169.254.",
    "2130706433.",
    "0x7f.1.",
    "127.1.",
    "localhost.",
    // names of one part: this machine, this cluster
    "localhost",
    "LOCALHOST",
    "LocalHost",
    "kafka",
    "postgres",
    "redis",
    "metadata",
    "ip6-localhost",
    "broadcasthost",
    "instance-data",
    "kubernetes",
    "host",
    "a",
    ".",
    "..",
    "a..b",
    ".a.b",
    "-",
    "_",
};

/// URLs that are malformed or that mislead, whole.
const std::vector<std::string> misleading_urls = {
    // another scheme
    "file:///etc/passwd", "file://localhost/etc/passwd", "gopher://public.test:6379/_FLUSHALL",
    "dict://public.test:11211/", "ftp://public.test/", "ldap://public.test/", "ws://public.test/",
    "wss://public.test/", "tftp://public.test/x", "jar:http://public.test!/", "data:text/plain,x",
    "javascript:alert(1)", "unix:///var/run/docker.sock", "//public.test/", "public.test", "http:public.test",
    "http:/public.test/", "http:///public.test/", "https:", "http://", "https:///", "://public.test/",
    " http://public.test/", "http ://public.test/", "",
    // somebody before the host
    "http://public.test@127.0.0.1/", "http://127.0.0.1@public.test/", "http://user:password@public.test/",
    "http://public.test:80@127.0.0.1/", "http://public.test%40127.0.0.1@127.0.0.1/", "http://@127.0.0.1/",
    "http://:@public.test/", "http://a@b@127.0.0.1/",
    // marks that parsers read differently
    "http://public.test\\@127.0.0.1/", "http://127.0.0.1\\.public.test/", "http:\\\\127.0.0.1\\",
    "http://127.0.0.1;public.test/", "http://127.0.0.1,public.test/", "http://public.test&@127.0.0.1/",
    "http://[::1", "http://::1/", "http://[::1]x/", "http://[::1]:80:90/", "http://[127.0.0.1]/",
    "http://[public.test]/", "http://[v1.fe80]/", "http://[::1%25lo]/", "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/", "http://{public.test}/", "http://<public.test>/",
    "http://public.test|127.0.0.1/", "http://127.0.0.1`/", "http://$(hostname)/", "http://*/", "http://!/",
    // escapes, other alphabets' digits and dots
    "http://%31%32%37.0.0.1/", "http://127%2e0%2e0%2e1/", "http://%6c%6f%63%61%6c%68%6f%73%74/",
    "http://localhost%00.public.test/", "http://public.test%2f@127.0.0.1/", "http://%5b::1%5d/",
    "http://127.0.0.1%23.public.test/", "http://%e2%91%a0.public.test/",
    "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/",
    "http://127\xe3\x80\x82"
    "0\xe3\x80\x82"
    "0\xe3\x80\x82"
    "1/",
    "http://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1/",
    "http://\xe2\x93\x9b\xe2\x93\x9e\xe2\x93\x92\xe2\x93\x90\xe2\x93\x9bhost/", "http://xn--\xc3\xb1.test/",
    "http://public\xc2\xad.test/", "http://\xd0\xb0pple.test/",
    // a line, or another request, within
    "http://public.test/\r\nHost: 127.0.0.1", "http://public.test\r\n/",
    "http://public.test/ HTTP/1.1\r\nX: y", "http://public.test/\nGET /", "http://public.test/a b",
    "http://public.test/\t", "http://public.test:80\r\n/", std::string("http://public.test\0.evil/", 25),
    "http://public.test/?a=b\r\n\r\nGET http://127.0.0.1/",
    // ports
    "http://public.test:0/", "http://public.test:65536/", "http://public.test:99999999999/",
    "http://public.test:-1/", "http://public.test:8o/", "http://public.test:+80/", "http://public.test:0x50/",
    "http://public.test: 80/", "http://public.test:1/", "http://public.test:22/", "http://public.test:23/",
    "http://public.test:25/", "http://public.test:53/", "http://public.test:110/", "http://public.test:111/",
    "http://public.test:143/", "http://public.test:389/", "http://public.test:445/",
    "http://public.test:465/", "http://public.test:514/", "http://public.test:587/",
    "http://public.test:993/", "http://public.test:1023/", "https://public.test:25/"};

/// Names of somebody's whose answers lead inside: one is enough, wherever it stands.
const std::map<std::string, std::vector<std::string>> internal_names = {
    {"127.0.0.1.nip.io", {"127.0.0.1"}},
    {"10-0-0-1.nip.io", {"10.0.0.1"}},
    {"7f000001.nip.io", {"127.0.0.1"}},
    {"169.254.169.254.sslip.io", {"169.254.169.254"}},
    {"www.192-168-0-1.sslip.io", {"192.168.0.1"}},
    {"--1.sslip.io", {"::1"}},
    {"localtest.me", {"127.0.0.1", "::1"}},
    {"lvh.me", {"127.0.0.1"}},
    {"spoofed.burpcollaborator.net", {"127.0.0.1"}},
    {"localhost.localdomain", {"127.0.0.1"}},
    {"foo.localhost", {"::1"}},
    {"metadata.google.internal", {"169.254.169.254"}},
    {"metadata.google.internal.", {"169.254.169.254"}},
    {"kubernetes.default.svc", {"10.96.0.1"}},
    {"redis.default.svc.cluster.local", {"10.96.0.7"}},
    {"host.docker.internal", {"192.168.65.2"}},
    {"printer.local", {"169.254.3.4"}},
    {"router.home.arpa", {"192.168.1.1"}},
    {"mapped.test", {"::ffff:127.0.0.1"}},
    {"translated.test", {"64:ff9b::10.0.0.1"}},
    {"sixtofour.test", {"2002:a00:1::1"}},
    {"unique-local.test", {"fd00:ec2::254"}},
    {"zero.test", {"0.0.0.0"}},
    {"shared.test", {"100.64.7.7"}},
    {"one-of-many.test", {"8.8.8.8", "1.1.1.1", "10.0.0.1"}},
    {"first-of-many.test", {"127.0.0.1", "8.8.8.8"}},
    {"other-family.test", {"2606:4700::1111", "::1"}},
    {"xn--ls8h.test", {"127.0.0.1"}},
    {"LOCALTEST.me", {"127.0.0.1"}},
};

HttpCall call_to(std::string url, ChosenBy chosen_by = ChosenBy::tenant) {
    HttpCall call;
    call.method = "GET";
    call.url = std::move(url);
    call.deadline = Millis(5'000);
    call.chosen_by = chosen_by;
    return call;
}

/// A client whose every connection ends at a server that answers `answer`.
struct Fixture {
    explicit Fixture(std::map<std::string, FakeNetwork::Answers> names = {}, ClientLimits limits = {},
                     std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        : server(io,
                 [answer](tcp::socket socket, int) -> Task<void> {
                     while (!(co_await read_to(socket, "\r\n\r\n")).empty()) {
                         co_await asio::async_write(socket, asio::buffer(answer), quiet);
                     }
                 }),
          client(io, std::move(limits),
                 std::make_unique<FakeNetwork>(io, server.port(), std::move(names), log)) {}

    boost::system::result<HttpResponse, HttpFault> ask(HttpCall call) {
        return run(io, client.send(std::move(call)));
    }

    asio::io_context io{1};
    FakeNetwork::Log log;
    ScriptedServer server;
    PooledHttpClient client;
};

const std::map<std::string, FakeNetwork::Answers> public_name{{"public.test", {{"8.8.8.8"}}}};

void check_refused(Fixture& at, const std::string& url) {
    CAPTURE(url);
    const auto reply = at.ask(call_to(url));
    REQUIRE_FALSE(reply.has_value());
    CHECK(reply.error().refused);
    CHECK(reply.error().reached == Reached::no);
    CHECK(at.log.connected.empty());
    CHECK(at.server.connections() == 0);
}

}  // namespace

TEST_CASE("a tenant's URL never leads inside, in none of hundreds of forms") {
    Fixture at(public_name);
    std::size_t hostile = 0;
    for (const auto* hosts : {&internal_addresses, &disguised_hosts}) {
        for (const auto& host : *hosts) {
            for (const auto& url :
                 {"http://" + host + "/latest/meta-data/", "https://" + host + ":8443/v1"}) {
                check_refused(at, url);
                ++hostile;
            }
        }
    }
    for (const auto& url : misleading_urls) {
        check_refused(at, url);
        ++hostile;
    }
    CHECK(at.log.resolved.empty());
    CHECK(hostile >= 200);
    MESSAGE(hostile << " hostile URLs");
}

TEST_CASE("a name is judged by its addresses, by every one of them") {
    std::map<std::string, FakeNetwork::Answers> names;
    for (const auto& [name, addresses] : internal_names) {
        std::string lower = name;
        for (auto& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        names[lower] = {addresses};
    }
    Fixture at(names);
    for (const auto& [name, addresses] : internal_names) {
        check_refused(at, "http://" + name + "/");
        check_refused(at, "https://" + name + ":8443/v1/chat/completions?a=b");
    }
    // Boost 1.81 has no name that begins like an address.
    CHECK(at.log.resolved.size() >= 2 * internal_names.size() - 4);
}

TEST_CASE("public addresses are reached, by name or without one") {
    Fixture at({{"public.test", {{"8.8.8.8", "2606:4700::1111"}}}, {"nat64.test", {{"64:ff9b::808:808"}}}});
    for (const auto& url : {"http://public.test/", "http://PUBLIC.test:8080/v1", "http://8.8.8.8/",
                            "http://[2606:4700::1111]:11434/", "http://nat64.test/", "http://9.255.255.255/",
                            "http://11.0.0.0/", "http://172.15.255.255/", "http://172.32.0.0/",
                            "http://100.63.255.255/", "http://100.128.0.0/", "http://169.253.255.255/",
                            "http://192.167.255.255/", "http://223.255.255.255/", "http://[2001:200::1]/",
                            "http://[2001:4860::8888]/", "http://[2003::1]/"}) {
        CAPTURE(url);
        const auto reply = at.ask(call_to(url));
        REQUIRE(reply.has_value());
        CHECK(reply->status == 200);
    }
    CHECK(at.log.connected[0] == "8.8.8.8 80");
    CHECK(at.log.connected[1] == "2606:4700::1111 80");
}

TEST_CASE("a name whose answer changes is connected to at the address that was judged, or not at all") {
    Fixture at({{"rebind.test", {{"8.8.8.8"}, {"127.0.0.1"}}}});
    auto call = call_to("http://rebind.test/");
    call.reuse_connection = false;
    CHECK(at.ask(call)->status == 200);
    CHECK(at.log.resolved.size() == 1);
    CHECK(at.log.connected == std::vector<std::string>{"8.8.8.8 80"});
    const auto again = at.ask(call);
    REQUIRE_FALSE(again.has_value());
    CHECK(again.error().refused);
    CHECK(at.log.resolved.size() == 2);
    CHECK(at.log.connected.size() == 1);
}

TEST_CASE("a redirect inside is not followed") {
    for (const auto* status :
         {"301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"}) {
        Fixture at(public_name, {},
                   std::string("HTTP/1.1 ") + status +
                       "\r\nLocation: http://169.254.169.254/latest/meta-data/\r\nContent-Length: 0\r\n\r\n");
        const auto reply = at.ask(call_to("http://public.test/"));
        REQUIRE(reply.has_value());
        CHECK(reply->status / 100 == 3);
        CHECK(at.log.connected == std::vector<std::string>{"8.8.8.8 80"});
    }
}

TEST_CASE("what the installation chose may be inside, and its connections are no tenant's") {
    Fixture at({{"kafka", {{"10.0.0.1"}}}});
    CHECK(at.ask(call_to("http://kafka/", ChosenBy::installation))->status == 200);
    CHECK(at.ask(call_to("http://127.0.0.1:25/", ChosenBy::installation))->status == 200);
    CHECK(at.client.connections() == 2);
    for (const auto* url : {"http://kafka/", "http://127.0.0.1:25/"}) {
        const auto reply = at.ask(call_to(url));
        REQUIRE_FALSE(reply.has_value());
        CHECK(reply.error().refused);
    }
    CHECK(at.log.connected.size() == 2);
}

TEST_CASE("a tenant may go where the operator trusts everybody, and to that port only") {
    ClientLimits limits;
    limits.trusted_addresses = {"models:8000", "Models.Internal:11434", "[::1]:8080", "10.0.0.7:25"};
    Fixture at({{"models", {{"10.0.0.1"}}}, {"models.internal", {{"10.0.0.2"}}}}, limits);
    for (const auto* url : {"http://models:8000/v1", "http://MODELS.internal:11434/", "http://[::1]:8080/",
                            "http://10.0.0.7:25/"}) {
        CAPTURE(url);
        const auto reply = at.ask(call_to(url));
        CHECK(reply.has_value());
    }
    CHECK(at.log.connected.size() == 4);
    for (const auto* url :
         {"http://models:8001/", "http://models/", "http://10.0.0.1:8000/", "http://models.:8000/",
          "http://[::1]/", "http://10.0.0.7:26/", "http://x.models:8000/"}) {
        CAPTURE(url);
        const auto reply = at.ask(call_to(url));
        REQUIRE_FALSE(reply.has_value());
    }
    CHECK(at.log.connected.size() == 4);
}

TEST_CASE("a trusted address that is none is said at the start") {
    asio::io_context io;
    for (const auto* address :
         {"", "http://models:8000", "models:8000/v1", "user@models:80", "models:0", "models:x"}) {
        CAPTURE(address);
        ClientLimits limits;
        limits.trusted_addresses = {address};
        CHECK_THROWS_WITH_AS(PooledHttpClient(io, limits), doctest::Contains("trusted_addresses"), Failure);
    }
}

TEST_CASE("a URL that leads inside is refused when it is stated, unless its server is trusted") {
    const TrustedAddresses trusted({"models:8000", "10.0.0.7:25"});
    for (const auto& address : internal_addresses) {
        const std::string url = "http://" + address + ":8080/v1";
        CAPTURE(url);
        CHECK(stated_url_mistake(url, trusted) != "");
    }
    CHECK(stated_url_mistake("http://10.0.0.7:26/", trusted) ==
          "must lead to the public internet, and 10.0.0.7:26 is a port of another service; the operator may "
          "list a server of the own network under trusted_addresses");
    CHECK(stated_url_mistake("http://127.1/", trusted).find("is an address in disguise") !=
          std::string::npos);
    CHECK(stated_url_mistake("http://models:8001/v1", trusted) != "");
    CHECK(stated_url_mistake("https://me:secret@models.example", trusted).find("secret") ==
          std::string::npos);
    CHECK(stated_url_mistake("nowhere", trusted) != "");
    for (const auto* url :
         {"http://models:8000/v1", "http://10.0.0.7:25/", "https://api.example.com/v1", "http://8.8.8.8/"}) {
        CAPTURE(url);
        CHECK(stated_url_mistake(url, trusted) == "");
    }
}

}  // namespace relevo
