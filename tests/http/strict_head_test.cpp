#include "http/strict_head.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

namespace relevo {
namespace {

std::string head(const std::string& fields, const std::string& line = "POST /a HTTP/1.1") {
    return line + "\r\nHost: x\r\n" + fields + "\r\n";
}

}  // namespace

TEST_CASE("a plain head is taken") {
    for (const auto& plain :
         {head(""), head("Content-Length: 0\r\n"), head("content-length:\t12 \r\n"),
          head("Transfer-Encoding: Chunked\r\n"), head("X-Empty:\r\nX-Name: caf\xc3\xa9\r\n"),
          head("", "GET http://x/absolute?a=b HTTP/1.1"), head("", "OPTIONS * HTTP/1.1"),
          std::string("GET / HTTP/1.0\r\n\r\n"),
          std::string("GET / HTTP/1.0\r\nContent-Length: 3\r\n\r\n")}) {
        CAPTURE(plain);
        CHECK_FALSE(head_fault(plain).has_value());
    }
}

TEST_CASE("whatever two parsers could read differently is refused") {
    const std::vector<std::pair<const char*, std::string>> cases = {
        {"both lengths", head("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")},
        {"both lengths, turned round", head("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n")},
        {"two lengths", head("Content-Length: 3\r\nContent-Length: 4\r\n")},
        {"the same length twice", head("Content-Length: 3\r\nContent-Length: 3\r\n")},
        {"a list of lengths", head("Content-Length: 3, 3\r\n")},
        {"a signed length", head("Content-Length: +3\r\n")},
        {"a negative length", head("Content-Length: -1\r\n")},
        {"a hexadecimal length", head("Content-Length: 0x3\r\n")},
        {"an empty length", head("Content-Length:\r\n")},
        {"a length beyond all numbers", head("Content-Length: 18446744073709551617\r\n")},
        {"two encodings", head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")},
        {"a second, unknown encoding", head("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n")},
        {"a list of encodings", head("Transfer-Encoding: chunked, identity\r\n")},
        {"identity", head("Transfer-Encoding: identity\r\n")},
        {"an encoding that looks alike", head("Transfer-Encoding: xchunked\r\n")},
        {"an encoding in quotes", head("Transfer-Encoding: \"chunked\"\r\n")},
        {"an encoding after a vertical tab", head("Transfer-Encoding: \vchunked\r\n")},
        {"a blank before the colon", head("Transfer-Encoding : chunked\r\n")},
        {"a tab before the colon", head("Content-Length\t: 3\r\n")},
        {"a blank before the name", head(" Content-Length: 3\r\n")},
        {"a folded line", head("X-A: b\r\n c\r\n")},
        {"a folded encoding", head("Transfer-Encoding:\r\n chunked\r\n")},
        {"a header without a colon", head("Content-Length\r\n")},
        {"a header without a name", head(": 3\r\n")},
        {"a lone line feed", head("X-A: b\nContent-Length: 3\r\n")},
        {"a lone carriage return", head("X-A: b\rContent-Length: 3\r\n")},
        {"a zero byte", head(std::string("X-A: b\0c\r\n", 10))},
        {"two hosts", head("Host: y\r\n")},
        {"no host", "GET / HTTP/1.1\r\nX-A: b\r\n\r\n"},
        {"a list of hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"},
        {"a host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"},
        {"an encoding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {"HTTP/2.0", head("", "GET / HTTP/2.0")},
        {"HTTP/1.2", head("", "GET / HTTP/1.2")},
        {"HTTP/0.9", "GET /\r\n\r\n"},
        {"two blanks", head("", "GET  / HTTP/1.1")},
        {"a tab for a blank", head("", "GET\t/ HTTP/1.1")},
        {"a blank in the target", head("", "GET /a b HTTP/1.1")},
        {"a raw byte in the target", head("", "GET /\xc3\xb1 HTTP/1.1")},
        {"a blank at the end", head("", "GET / HTTP/1.1 ")},
        {"a method that is none", head("", "G(T / HTTP/1.1")},
        {"a blank line first", "\r\n" + head("")},
    };
    for (const auto& [what, text] : cases) {
        CAPTURE(what);
        CHECK(head_fault(text).has_value());
    }
}

TEST_CASE("a head ends at the first blank line, however its bytes arrive") {
    const std::string whole = head("X-A: b\r\n") + "body\r\n\r\n";
    const auto size = whole.size() - 8;
    for (std::size_t searched = 0; searched < size; ++searched) {
        CHECK_FALSE(end_of_head(whole.substr(0, size - 1), 0).has_value());
        CHECK(end_of_head(whole, searched) == size);
    }
}

TEST_CASE("a bad line end shows before the head is whole") {
    CHECK(line_fault("GET / HTTP/1.1\nHost").has_value());
    CHECK(line_fault("GET / HTTP/1.1\rHost").has_value());
    CHECK_FALSE(line_fault("GET / HTTP/1.1\r").has_value());
    CHECK_FALSE(line_fault("GET / HTTP/1.1\r\nHost: x\r\n\r").has_value());
}

}  // namespace relevo
