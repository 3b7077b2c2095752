#include "http/link.hpp"

#include <openssl/ssl.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <cerrno>

#include "http/address_guard.hpp"
#include "http/wiping_allocator.hpp"

namespace relevo {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto quiet_awaitable = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t part_bytes = 16 << 10;
// Above what Beast reads at once, and a bound on the line that announces a chunk: the other side may never
// end it.
constexpr std::size_t max_read_ahead = 64 << 10;
// 100 Continue and 103 Early Hints come before the response; more than these few is no server.
constexpr int max_informational = 8;

LinkFault fault_of(std::string_view doing, error_code error, bool nothing_sent) {
    const bool timed_out = error == beast::error::timeout;
    const auto reason = timed_out ? std::string("the deadline passed") : error.message();
    return {std::string(doing) + ": " + reason, nothing_sent, timed_out};
}

using Request = http::request<http::span_body<const char>, http::basic_fields<WipingAllocator<char>>>;

Request to_beast(const HttpCall& call, std::string_view target, std::string_view host) {
    Request message;
    message.version(11);
    message.method_string(call.method);
    message.target(target);
    message.set(http::field::host, host);
    message.set(http::field::user_agent, "relevo");
    for (const auto& [name, value] : call.headers) message.set(name, value);
    message.body() = {call.body.data(), call.body.size()};
    message.prepare_payload();
    message.keep_alive(call.reuse_connection);
    return message;
}

HttpResponse from_beast(const http::response_header<>& head) {
    HttpResponse response;
    response.status = static_cast<int>(head.result_int());
    response.content_type = std::string(head[http::field::content_type]);
    for (const auto& field : head) response.headers.emplace_back(field.name_string(), field.value());
    return response;
}

template <class Stream>
class StreamLink final : public Link {
  public:
    StreamLink(Origin origin, std::size_t max_head_bytes, auto&&... arguments)
        : stream(std::forward<decltype(arguments)>(arguments)...),
          origin_(std::move(origin)),
          max_head_bytes_(max_head_bytes),
          buffer_(max_head_bytes + max_read_ahead) {}

    Task<LinkResult<Exchanged>> exchange(const HttpCall& call, std::string target, const BodySink& sink,
                                         SteadyTime until) override {
        lowest().expires_at(until);
        const bool usual_port = origin_.port == (origin_.tls ? "443" : "80");
        const auto host =
            origin_.host.find(':') == std::string::npos ? origin_.host : "[" + origin_.host + "]";
        const auto message = to_beast(call, target, usual_port ? host : host + ":" + origin_.port);
        wipe(target);  // it may carry a token
        const auto [write_error, sent] = co_await http::async_write(stream, message, quiet_awaitable);
        if (write_error && (sent == 0 || write_error == beast::error::timeout)) {
            co_return fault_of("sending", write_error, sent == 0);
        }

        // Even when it stopped reading us, the other side may have said why.
        Parser parser;
        auto failed = co_await read_head(parser, call.method == "HEAD");
        if (failed) co_return *failed;
        Exchanged result{from_beast(parser.get().base())};
        const bool streamed = sink && result.response.status / 100 == 2;
        failed = co_await read_body(parser, call.max_response_bytes, streamed ? &sink : nullptr,
                                    result.response.body);
        if (failed) co_return *failed;
        result.reusable = parser.keep_alive() && call.reuse_connection && !write_error && buffer_.size() == 0;
        lowest().expires_never();
        co_return result;
    }

    bool quiet() override {
        char byte = 0;
        const auto read = ::recv(lowest().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        return read < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    }

    beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream); }

    Stream stream;

  private:
    // A parser takes one message; each informational response is one.
    struct Parser {
        std::optional<http::response_parser<http::buffer_body>> current;
        auto& get() { return current->get(); }
        bool keep_alive() const { return current->keep_alive(); }
    };

    Task<std::optional<LinkFault>> read_head(Parser& parser, bool head_only) {
        for (int i = 0; i < max_informational; ++i) {
            auto& next = parser.current.emplace();
            next.header_limit(static_cast<std::uint32_t>(max_head_bytes_));
            next.body_limit(boost::none);
            next.skip(head_only);
            const auto [error, size] =
                co_await http::async_read_header(stream, buffer_, next, quiet_awaitable);
            if (error) co_return fault_of("waiting for the response", error, false);
            if (next.get().result_int() >= 200) co_return std::nullopt;
        }
        co_return LinkFault{"no final response"};
    }

    Task<std::optional<LinkFault>> read_body(Parser& parser, std::size_t limit, const BodySink* sink,
                                             std::string& body) {
        if (parser.current->is_done()) co_return std::nullopt;
        std::vector<char> part(part_bytes);
        std::size_t total = 0;
        while (!parser.current->is_done()) {
            auto& target = parser.get().body();
            target.data = part.data();
            target.size = part.size();
            const auto [error, size] =
                co_await http::async_read_some(stream, buffer_, *parser.current, quiet_awaitable);
            const std::string_view arrived(part.data(), part.size() - target.size);
            total += arrived.size();
            if (total > limit)
                co_return LinkFault{"the response has more than " + std::to_string(limit) + " bytes"};
            if (!arrived.empty() && sink) (*sink)(arrived);
            if (!sink) body += arrived;
            if (error && error != http::error::need_buffer) {
                co_return fault_of("reading the response", error, false);
            }
        }
        co_return std::nullopt;
    }

    Origin origin_;
    std::size_t max_head_bytes_;
    beast::flat_buffer buffer_;
};

LinkFault refusal(std::string_view reason) {
    return {"the address of a tenant " + std::string(reason), true, false, true};
}

using PlainLink = StreamLink<beast::tcp_stream>;
using TlsLink = StreamLink<beast::ssl_stream<beast::tcp_stream>>;

// The addresses to connect to, or why a guarded origin may have none of them.
Task<LinkResult<std::vector<tcp::endpoint>>> find(Network& network, Origin origin, SteadyTime until) {
    if (origin.guarded) {
        if (const auto reason = forbidden_origin(origin)) co_return refusal(*reason);
    }
    std::vector<asio::ip::address> addresses;
    error_code not_an_address;
    const auto literal = asio::ip::make_address(origin.host, not_an_address);
    if (!not_an_address) {
        addresses.push_back(literal);
    } else {
        auto resolved = co_await network.resolve(origin.host, until);
        if (!resolved) co_return resolved.error();
        addresses = std::move(*resolved);
    }
    std::vector<tcp::endpoint> endpoints;
    for (const auto& address : addresses) {
        const auto reason = origin.guarded ? forbidden_address(address) : std::nullopt;
        if (reason) co_return refusal(*reason);
        endpoints.emplace_back(address, static_cast<std::uint16_t>(std::stoi(origin.port)));
    }
    co_return std::move(endpoints);
}

}  // namespace

Task<LinkResult<std::unique_ptr<Link>>> open_link(Network& network, Origin origin, asio::ssl::context& tls,
                                                  std::size_t max_head_bytes, SteadyTime until) {
    auto found = co_await find(network, origin, until);
    if (!found) co_return found.error();
    auto connected = co_await network.connect(std::move(*found), until);
    if (!connected) co_return connected.error();
    if (!origin.tls) co_return std::make_unique<PlainLink>(origin, max_head_bytes, std::move(*connected));

    auto link = std::make_unique<TlsLink>(origin, max_head_bytes, std::move(*connected), tls);
    link->lowest().expires_at(until);
    error_code not_an_address;
    asio::ip::make_address(origin.host, not_an_address);
    // Server name indication takes names only (RFC 6066).
    if (not_an_address) SSL_set_tlsext_host_name(link->stream.native_handle(), origin.host.c_str());
    link->stream.set_verify_callback(asio::ssl::host_name_verification(origin.host));
    const auto [error] =
        co_await link->stream.async_handshake(asio::ssl::stream_base::client, quiet_awaitable);
    if (error) co_return fault_of("TLS handshake", error, true);
    co_return link;
}

}  // namespace relevo
