#include "http/connection.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <utility>

#include "core/log.hpp"
#include "http/strict_head.hpp"

namespace relevo {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

namespace {

constexpr auto quiet_awaitable = asio::as_tuple(asio::use_awaitable);

// A client that is still sending its body reads our answer only if we keep reading: else it sees a reset.
constexpr std::size_t max_discarded_bytes = 16 << 20;
constexpr Millis discard_deadline{5'000};
// Of a connection between two requests.
constexpr std::size_t idle_bytes = 4096;
// Of a body, before the parser takes it: above what Beast reads at once, and a bound on the line that
// announces a chunk.
constexpr std::size_t max_read_ahead = 64 << 10;

using Parser = http::request_parser<http::buffer_body>;

// The bytes of one request's body, counted against all of the server's.
class BodyBytes {
  public:
    explicit BodyBytes(std::shared_ptr<Serving> serving) : serving_(std::move(serving)) {}
    BodyBytes(const BodyBytes&) = delete;
    BodyBytes& operator=(const BodyBytes&) = delete;
    ~BodyBytes() { serving_->bodies_bytes -= held_; }

    bool grow_to(std::size_t size) {
        if (serving_->bodies_bytes - held_ + size > serving_->limits.max_bodies_bytes) return false;
        serving_->bodies_bytes += size - held_;
        held_ = size;
        return true;
    }

  private:
    std::shared_ptr<Serving> serving_;
    std::size_t held_ = 0;
};

HttpRequest from_beast(const http::request_header<>& head) {
    HttpRequest request;
    request.method = std::string(head.method_string());
    request.target = std::string(head.target());
    request.path = request.target.substr(0, request.target.find_first_of("?#"));
    for (const auto& field : head) request.headers.emplace_back(field.name_string(), field.value());
    return request;
}

bool well_formed_header(std::string_view value) {
    return value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

http::response<http::string_body> to_beast(HttpResponse response, bool head_only) {
    http::response<http::string_body> message;
    message.version(11);
    message.result(static_cast<unsigned>(response.status));
    for (const auto& [name, value] : response.headers) {
        // A value with a line break would be a header, or a response, of its own.
        if (well_formed_header(name) && well_formed_header(value)) message.insert(name, value);
    }
    message.set("X-Content-Type-Options", "nosniff");
    const bool bodiless = response.status == 204 || response.status == 304;
    if (bodiless) return message;
    if (!response.content_type.empty()) message.set(http::field::content_type, response.content_type);
    message.content_length(response.body.size());
    if (!head_only) message.body() = std::move(response.body);
    return message;
}

HttpResponse body_too_large(std::size_t limit) {
    return error_response(413, "http.body_too_large",
                          "the body may have " + std::to_string(limit) + " bytes");
}

/// The path's first two parts, for the log: what follows may be somebody's key.
std::string_view log_path(std::string_view path) {
    const auto second = path.find('/', 1);
    return path.substr(0, second == path.npos ? second : path.find('/', second + 1));
}

/// Whether the client sent what is no HTTP, rather than nothing (more).
bool malformed(boost::system::error_code error) {
    return error && error.category() == make_error_code(http::error::bad_method).category() &&
           error != http::error::end_of_stream && error != http::error::partial_message &&
           error != http::error::need_buffer;
}

// Among the connections that may be closed to make room, while it lives.
class Idling {
  public:
    Idling(Serving& serving, OpenConnection& open) : serving_(serving), open_(open) {
        open_.place = serving_.idle.insert(serving_.idle.end(), &open_);
        open_.idle = true;
    }
    Idling(const Idling&) = delete;
    Idling& operator=(const Idling&) = delete;
    ~Idling() {
        if (open_.idle) serving_.idle.erase(open_.place);
        open_.idle = false;
    }

  private:
    Serving& serving_;
    OpenConnection& open_;
};

class ServerConnection {
  public:
    ServerConnection(tcp::socket socket, std::shared_ptr<Serving> serving,
                     std::shared_ptr<OpenConnection> open)
        : stream_(std::move(socket)),
          buffer_(serving->limits.max_head_bytes + max_read_ahead),
          serving_(std::move(serving)),
          open_(std::move(open)) {
        boost::system::error_code error;
        const auto peer = stream_.socket().remote_endpoint(error);
        if (!error) peer_ = peer.address().to_string();
    }

    Task<void> run() {
        while (!serving_->stopping && co_await wait_for_request() && co_await exchange()) {
        }
        co_await close();
    }

  private:
    Task<bool> wait_for_request() {
        if (buffer_.size() > 0) co_return true;
        // What a large request needed is not kept for the next one, which may never come.
        if (buffer_.capacity() > idle_bytes) buffer_.shrink_to_fit();
        const Idling idling(*serving_, *open_);
        stream_.expires_after(limits().idle);
        const auto [error, size] =
            co_await stream_.async_read_some(buffer_.prepare(idle_bytes), quiet_awaitable);
        buffer_.commit(size);
        co_return !error;
    }

    /// Reads until the head is whole and plain; else what to answer, status 0: the client is gone, or too
    /// slow.
    Task<std::optional<HttpResponse>> read_head(Parser& parser) {
        stream_.expires_after(limits().head_deadline);
        const auto most = limits().max_head_bytes;
        for (std::size_t searched = 0;;) {
            const std::string_view bytes = received();
            const auto end = end_of_head(bytes.substr(0, most), searched);
            const auto head = bytes.substr(0, end.value_or(most));
            if (const auto fault = end ? head_fault(head) : line_fault(head)) {
                co_return error_response(400, "http.bad_request", *fault);
            }
            if (end) break;
            if (bytes.size() >= most) {
                co_return error_response(
                    431, "http.head_too_large",
                    "request line and headers may have " + std::to_string(most) + " bytes");
            }
            searched = bytes.size();
            const auto [error, size] =
                co_await stream_.async_read_some(buffer_.prepare(idle_bytes), quiet_awaitable);
            if (error) co_return HttpResponse{.status = 0, .headers = {}};
            buffer_.commit(size);
        }
        boost::system::error_code error;
        buffer_.consume(parser.put(buffer_.data(), error));
        if (error) co_return error_response(400, "http.bad_request", error.message());
        co_return std::nullopt;
    }

    /// One request and its response; whether another may follow.
    Task<bool> exchange() {
        Parser parser;
        parser.header_limit(static_cast<std::uint32_t>(limits().max_head_bytes));
        parser.body_limit(boost::none);  // counted by us: the head is judged before the body's size
        auto refusal = co_await read_head(parser);
        if (refusal) {
            if (refusal->status != 0 && co_await write(std::move(*refusal), false, false)) co_await discard();
            co_return false;
        }
        HttpRequest request = from_beast(parser.get().base());
        request.peer = peer_;

        Mount* const mount = mount_for(request.path);
        if (mount && beast::websocket::is_upgrade(parser.get())) {
            if (buffer_.size() > 0) co_return false;  // frames before the handshake: not a WebSocket client
            stream_.expires_never();
            auto socket = stream_.release_socket();
            co_await mount->take_over(std::move(socket), std::move(request));
            co_return false;
        }
        co_return co_await answer(parser, std::move(request), mount);
    }

    // The parser is the caller's, who awaits at once.
    Task<bool> answer(Parser& parser, HttpRequest request, Mount* mount) {
        const bool head_only = request.method == "HEAD";
        const bool body_follows = !parser.is_done();
        if (!mount && serving_->check) {
            HttpRequest head = request;
            auto refusal = co_await guarded_check(std::move(head));
            if (refusal) co_return co_await finish(std::move(*refusal), parser, head_only, body_follows);
        }

        BodyBytes counted(serving_);
        const auto limit = mount ? mount->max_body_bytes() : limits().max_body_bytes;
        auto body = co_await read_body(parser, counted, limit, request);
        if (body) {
            const bool closed = body->status == 0;
            if (closed) co_return false;
            log_warn("http.refused",
                     {{"path", log_path(request.path)}, {"status", body->status}, {"peer", request.peer}});
            co_return co_await finish(std::move(*body), parser, head_only, true);
        }
        auto response = co_await guarded_handle(std::move(request), mount);
        co_return co_await finish(std::move(response), parser, head_only, false);
    }

    /// Fills the request's body, or says what to answer instead; status 0: the client is gone, or too slow.
    Task<std::optional<HttpResponse>> read_body(Parser& parser, BodyBytes& counted, std::size_t limit,
                                                HttpRequest& request) {
        if (parser.is_done()) co_return std::nullopt;
        const auto announced = parser.content_length();
        if (announced && *announced > limit) co_return body_too_large(limit);
        if (beast::iequals(request.header("Expect"), "100-continue")) {
            http::response<http::empty_body> go_on(http::status::continue_, 11);
            stream_.expires_after(limits().write_deadline);
            const auto [error, size] = co_await http::async_write(stream_, go_on, quiet_awaitable);
            if (error) co_return HttpResponse{.status = 0, .headers = {}};
        }

        stream_.expires_after(limits().body_deadline);
        std::string& body = request.body;
        std::size_t have = 0;
        while (!parser.is_done()) {
            if (have > limit) co_return body_too_large(limit);
            if (have == body.size()) {
                // Memory follows what really arrives, not what was announced.
                const auto wanted = std::min<std::size_t>(std::max<std::size_t>(8192, have * 2), limit + 1);
                if (!counted.grow_to(wanted)) {
                    co_return error_response(503, "http.busy", "too many requests at once: try again later");
                }
                body.resize(wanted);
            }
            auto& target = parser.get().body();
            target.data = body.data() + have;
            target.size = body.size() - have;
            const auto [error, size] =
                co_await http::async_read_some(stream_, buffer_, parser, quiet_awaitable);
            have = body.size() - target.size;
            if (error == http::error::need_buffer) continue;
            if (malformed(error)) co_return error_response(400, "http.bad_body", error.message());
            if (error) co_return HttpResponse{.status = 0, .headers = {}};
        }
        if (have > limit) co_return body_too_large(limit);
        body.resize(have);
        co_return std::nullopt;
    }

    Task<HttpResponse> guarded_handle(HttpRequest request, Mount* mount) {
        const std::string path = request.path;
        std::string reason;
        try {
            auto running = mount ? mount->handle(std::move(request)) : serving_->handler(std::move(request));
            co_return co_await std::move(running);
        } catch (const std::exception& error) {
            reason = error.what();
        }
        co_return failed(path, reason);
    }

    Task<std::optional<HttpResponse>> guarded_check(HttpRequest head) {
        const std::string path = head.path;
        std::string reason;
        try {
            auto running = serving_->check(std::move(head));
            co_return co_await std::move(running);
        } catch (const std::exception& error) {
            reason = error.what();
        }
        co_return failed(path, reason);
    }

    // Only the path's first part is logged: a webhook's address holds its key.
    HttpResponse failed(std::string_view path, std::string_view reason) const {
        const auto route = path.substr(0, path.find('/', 1));
        if (!serving_->stopping) log_error("http.handler_failed", {{"route", route}, {"reason", reason}});
        return error_response(500, "http.internal", "the server failed to answer: its log says why");
    }

    /// Writes the response; with `body_follows` the connection cannot go on.
    Task<bool> finish(HttpResponse response, Parser& parser, bool head_only, bool body_follows) {
        const bool keep = parser.keep_alive() && !body_follows && !serving_->stopping;
        const bool written = co_await write(std::move(response), keep, head_only);
        if (written && body_follows) co_await discard();
        co_return written&& keep;
    }

    Task<bool> write(HttpResponse response, bool keep, bool head_only) {
        auto message = to_beast(std::move(response), head_only);
        message.keep_alive(keep);
        stream_.expires_after(limits().write_deadline);
        const auto [error, size] = co_await http::async_write(stream_, message, quiet_awaitable);
        co_return !error;
    }

    /// Says that we are done, then reads on for a while.
    Task<void> discard() {
        boost::system::error_code ignored;
        stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
        stream_.expires_after(discard_deadline);
        std::vector<char> rest(64 << 10);
        for (std::size_t read = 0; read < max_discarded_bytes;) {
            const auto [error, size] = co_await stream_.async_read_some(asio::buffer(rest), quiet_awaitable);
            if (error) co_return;
            read += size;
        }
    }

    Task<void> close() {
        boost::system::error_code ignored;
        if (stream_.socket().is_open()) stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
        stream_.close();
        co_return;
    }

    Mount* mount_for(std::string_view path) const {
        if (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
        for (const auto& [mounted, mount] : serving_->mounts) {
            if (mounted == path) return mount;
        }
        return nullptr;
    }

    std::string_view received() const {
        return {static_cast<const char*>(buffer_.data().data()), buffer_.size()};
    }

    const ServerLimits& limits() const { return serving_->limits; }

    beast::tcp_stream stream_;
    beast::flat_buffer buffer_;
    std::shared_ptr<Serving> serving_;
    std::shared_ptr<OpenConnection> open_;
    std::string peer_;
};

}  // namespace

Task<void> serve_connection(tcp::socket socket, std::shared_ptr<Serving> serving,
                            std::shared_ptr<OpenConnection> open) {
    ServerConnection connection(std::move(socket), std::move(serving), std::move(open));
    co_await connection.run();
}

}  // namespace relevo
