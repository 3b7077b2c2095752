#include "http/client.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <list>
#include <map>
#include <vector>

#include "http/address_guard.hpp"
#include "http/ascii.hpp"
#include "http/link.hpp"

namespace relevo {
namespace asio = boost::asio;

namespace {

constexpr auto quiet_awaitable = asio::as_tuple(asio::use_awaitable);

// A line break in a value would be a header, or a request, of its own.
bool well_formed(const HttpCall& call) {
    return is_token(call.method) && std::ranges::all_of(call.headers, [](const auto& header) {
               return is_token(header.first) &&
                      header.second.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
           });
}

}  // namespace

struct PooledHttpClient::Pool : std::enable_shared_from_this<PooledHttpClient::Pool> {
    struct Idle {
        std::unique_ptr<Link> link;
        SteadyTime since;
    };
    struct Waiter {
        asio::steady_timer timer;
        bool granted = false;
    };
    struct Host {
        std::size_t in_use = 0;
        std::vector<Idle> idle;  // the last one was used last
        std::list<Waiter*> waiting;
    };

    /// The right to use one connection of a host.
    class Slot {
      public:
        Slot(std::shared_ptr<Pool> pool, Origin origin)
            : pool_(std::move(pool)), origin_(std::move(origin)) {}
        Slot(const Slot&) = delete;
        Slot& operator=(const Slot&) = delete;
        ~Slot() {
            if (held_) pool_->release(origin_);
        }
        Task<bool> take(SteadyTime until);
        void keep(std::unique_ptr<Link> link) {
            pool_->hosts[origin_].idle.push_back({std::move(link), std::chrono::steady_clock::now()});
        }

      private:
        std::shared_ptr<Pool> pool_;
        Origin origin_;
        bool held_ = false;
    };

    Pool(asio::io_context& context, ClientLimits its_limits, std::unique_ptr<Network> its_network)
        : io(context),
          limits(std::move(its_limits)),
          network(its_network ? std::move(its_network) : make_network(context)),
          tls(asio::ssl::context::tls_client),
          trusted(limits.trusted_addresses) {
        tls.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
        tls.set_verify_mode(asio::ssl::verify_peer);
        if (limits.ca_file.empty()) {
            tls.set_default_verify_paths();
        } else {
            tls.load_verify_file(limits.ca_file);
        }
    }

    static Task<boost::system::result<HttpResponse, HttpFault>> send(std::shared_ptr<Pool> pool,
                                                                     HttpCall call, BodySink sink);
    std::unique_ptr<Link> take_idle(const Origin& origin);
    void release(const Origin& origin);
    void sweep();

    asio::io_context& io;
    ClientLimits limits;
    std::unique_ptr<Network> network;
    asio::ssl::context tls;
    TrustedAddresses trusted;
    std::map<Origin, Host> hosts;
    SteadyTime swept{};
};

Task<bool> PooledHttpClient::Pool::Slot::take(SteadyTime until) {
    auto& host = pool_->hosts[origin_];
    if (host.in_use < pool_->limits.max_connections_per_host) {
        ++host.in_use;
        held_ = true;
        co_return true;
    }
    // Whoever releases a slot hands it over, so that nobody who came later gets it.
    struct Place {
        Host& host;
        Waiter waiter;
        bool& held;
        ~Place() {
            held = waiter.granted;
            if (!waiter.granted) host.waiting.remove(&waiter);
        }
    };
    Place place{host, {asio::steady_timer(pool_->io, until)}, held_};
    host.waiting.push_back(&place.waiter);
    co_await place.waiter.timer.async_wait(quiet_awaitable);
    co_return place.waiter.granted;
}

std::unique_ptr<Link> PooledHttpClient::Pool::take_idle(const Origin& origin) {
    auto& idle = hosts[origin].idle;
    while (!idle.empty()) {
        auto last = std::move(idle.back());
        idle.pop_back();
        const auto age = std::chrono::steady_clock::now() - last.since;
        if (age < limits.idle && last.link->quiet()) return std::move(last.link);
    }
    return nullptr;
}

void PooledHttpClient::Pool::release(const Origin& origin) {
    auto& host = hosts[origin];
    if (host.waiting.empty()) {
        --host.in_use;
    } else {
        Waiter* const first = host.waiting.front();
        host.waiting.pop_front();
        first->granted = true;
        first->timer.cancel();
    }
    sweep();
}

// Hosts that nobody calls any more would keep their last connections otherwise.
void PooledHttpClient::Pool::sweep() {
    const auto now = std::chrono::steady_clock::now();
    if (now - swept < limits.idle) return;
    swept = now;
    for (auto& [origin, host] : hosts) {
        std::erase_if(host.idle, [&](const Idle& idle) { return now - idle.since >= limits.idle; });
    }
    std::erase_if(hosts, [](const auto& entry) {
        return entry.second.in_use == 0 && entry.second.idle.empty() && entry.second.waiting.empty();
    });
}

Task<boost::system::result<HttpResponse, HttpFault>> PooledHttpClient::Pool::send(std::shared_ptr<Pool> pool,
                                                                                  HttpCall call,
                                                                                  BodySink sink) {
    const auto until = std::chrono::steady_clock::now() + call.deadline;
    auto url = parse_url(call.url);
    // tokens stand in headers, and in Telegram's paths
    struct Wiped {
        HttpCall& call;
        std::optional<Url>& url;
        ~Wiped() {
            wipe(call.url);
            for (auto& [name, value] : call.headers) wipe(value);
            if (url) wipe(url->target);
        }
    } const wiped{call, url};
    if (!url) co_return HttpFault{Reached::no, "not an http or https address", true};
    url->origin.guarded = call.chosen_by == ChosenBy::tenant && !pool->trusted.contains(url->origin);
    const Origin origin = url->origin;
    if (!well_formed(call)) {
        co_return HttpFault{Reached::no, origin.to_string() + ": a header or the method is malformed", true};
    }
    Slot slot(pool, origin);
    const bool taken = co_await slot.take(until);
    if (!taken) co_return HttpFault{Reached::no, origin.to_string() + ": all its connections are in use"};

    auto link = call.reuse_connection ? pool->take_idle(origin) : nullptr;
    while (true) {
        const bool reused = link != nullptr;
        if (!reused) {
            auto opened = co_await open_link(*pool->network, origin, pool->tls,
                                             pool->limits.max_response_head_bytes, until);
            if (!opened) {
                co_return HttpFault{Reached::no, origin.to_string() + ": " + opened.error().reason,
                                    opened.error().refused};
            }
            link = std::move(*opened);
        }
        auto exchanged = co_await link->exchange(call, url->target, sink, until);
        if (exchanged) {
            if (exchanged->reusable) slot.keep(std::move(link));
            co_return std::move(exchanged->response);
        }
        link.reset();
        const auto& fault = exchanged.error();
        // The idle connection broke under our first byte: nothing was asked yet, so asking again is no
        // repetition.
        if (reused && fault.nothing_sent && !fault.timed_out) continue;
        co_return HttpFault{fault.nothing_sent ? Reached::no : Reached::maybe,
                            origin.to_string() + ": " + fault.reason};
    }
}

PooledHttpClient::PooledHttpClient(asio::io_context& io, ClientLimits limits,
                                   std::unique_ptr<Network> network)
    : pool_(std::make_shared<Pool>(io, std::move(limits), std::move(network))) {}

PooledHttpClient::~PooledHttpClient() = default;

Task<boost::system::result<HttpResponse, HttpFault>> PooledHttpClient::send(HttpCall call, BodySink sink) {
    return Pool::send(pool_, std::move(call), std::move(sink));
}

std::size_t PooledHttpClient::connections() const {
    std::size_t count = 0;
    for (const auto& [origin, host] : pool_->hosts) count += host.in_use + host.idle.size();
    return count;
}

}  // namespace relevo
