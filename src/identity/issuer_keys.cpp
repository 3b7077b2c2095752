#include "identity/issuer_keys.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "core/log.hpp"

namespace relevo {
namespace {

constexpr Millis between_questions{30'000};
constexpr Millis fresh{10 * 60'000};
constexpr Millis believed_unasked{20 * 60'000};
constexpr Millis kept{24 * 3'600'000};    // a key that leaked is believed for no longer than this
constexpr Millis answer_deadline{5'000};  // a sign-in waits for it
constexpr std::size_t max_document_bytes = 256 * 1024;

/// Scheme, host and port; nothing for an address that we may not fetch keys from.
std::optional<std::string> origin_of(const std::string& address) {
    const auto url = boost::urls::parse_uri(address);
    if (!url || url->has_userinfo()) return std::nullopt;
    const std::string host = url->host();
    const bool here = host == "127.0.0.1" || host == "localhost" || host == "[::1]";
    // Whoever can change a key set on its way signs tokens.
    if (url->scheme() != "https" && !(url->scheme() == "http" && here)) return std::nullopt;
    return std::string(url->encoded_origin());
}

std::string discovery_of(std::string issuer) {
    while (issuer.ends_with('/')) issuer.pop_back();
    return issuer + "/.well-known/openid-configuration";
}

Error unreachable(const std::string& issuer, const std::string& why) {
    return {Fault::transient, "identity.issuer_unavailable", "issuer " + issuer + ": " + why};
}

}  // namespace

/// While it lives, others wait for its answer instead of asking too.
class IssuerKeys::Flight {
  public:
    Flight(std::shared_ptr<Answer> answer, const boost::asio::any_io_executor& executor)
        : answer_(std::move(answer)) {
        *answer_ = std::make_shared<boost::asio::steady_timer>(executor,
                                                               boost::asio::steady_timer::time_point::max());
    }
    Flight(const Flight&) = delete;
    Flight& operator=(const Flight&) = delete;
    ~Flight() {
        (*answer_)->cancel();
        answer_->reset();
    }

  private:
    const std::shared_ptr<Answer> answer_;
};

IssuerKeys::IssuerKeys(const IssuerSettings& settings, HttpClient& http, Clock& clock)
    : settings_(settings), http_(http), clock_(clock) {
    const std::string& address = settings.jwks_uri.empty() ? settings.issuer : settings.jwks_uri;
    if (origin_of(address)) return;
    throw Failure({Fault::permanent, "identity.bad_settings",
                   "identity.issuers: '" + address +
                       "' is no address to fetch keys from; state a jwks_uri that begins with https://"});
}

IssuerKeys::~IssuerKeys() = default;

Task<Result<std::vector<VerificationKey>>> IssuerKeys::find(std::optional<std::string> key_id) {
    const SysTime now = clock_.now();
    auto found = known(key_id, now);
    if (!found.empty() && asked_within(believed_unasked, now)) {
        if (now - *read_at_ >= fresh && may_ask(now) && !*answer_) {
            const auto executor = co_await boost::asio::this_coro::executor;
            boost::asio::co_spawn(executor, ask(begin(executor, now)), boost::asio::detached);
        }
        co_return found;
    }
    if (*answer_) {
        co_await wait_for_answer();
    } else if (may_ask(now)) {
        auto flight = begin(co_await boost::asio::this_coro::executor, now);
        co_await ask(std::move(flight));
    }
    const SysTime then = clock_.now();
    found = known(key_id, then);
    if (!found.empty()) co_return found;
    if (!any_known(then)) {
        Error error = unreachable(settings_.issuer, "its keys could not be read; try again in half a minute");
        error.retry_after = between_questions;
        co_return error;
    }
    co_return Error{Fault::permanent, "identity.unknown_key",
                    key_id ? "the bearer token is signed with a key that its issuer does not publish (any "
                             "more); sign in again"
                           : "the bearer token does not say which of its issuer's keys signed it; have the "
                             "issuer name it (kid)"};
}

std::vector<VerificationKey> IssuerKeys::known(const std::optional<std::string>& key_id, SysTime now) const {
    std::vector<VerificationKey> found;
    if (!any_known(now)) return found;
    if (!key_id && keys_.size() > 1) return found;
    for (const auto& [id, key] : keys_) {
        if (!key_id || id == *key_id) found.push_back(key);
    }
    return found;
}

bool IssuerKeys::any_known(SysTime now) const {
    return read_at_ && now - *read_at_ < kept;
}

bool IssuerKeys::may_ask(SysTime now) const {
    return !asked_within(between_questions, now);
}

bool IssuerKeys::asked_within(Millis span, SysTime now) const {
    return asked_at_ && now - *asked_at_ < span;
}

std::unique_ptr<IssuerKeys::Flight> IssuerKeys::begin(const boost::asio::any_io_executor& executor,
                                                      SysTime now) {
    asked_at_ = now;
    return std::make_unique<Flight>(answer_, executor);
}

Task<void> IssuerKeys::ask(std::unique_ptr<Flight> flight) {
    auto keys = co_await read();
    if (keys) {
        keys_ = std::move(*keys);
        read_at_ = clock_.now();
    } else {
        log_warn("issuer.unread",
                 {{"issuer", settings_.issuer}, {"code", keys.error().code}, {"text", keys.error().text}});
    }
    flight.reset();
}

Task<void> IssuerKeys::wait_for_answer() {
    const auto answer = *answer_;  // outlives the flight
    co_await answer->async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
}

Task<Result<std::vector<NamedKey>>> IssuerKeys::read() {
    std::string address = settings_.jwks_uri;
    if (address.empty()) {
        const auto configuration = co_await get(discovery_of(settings_.issuer));
        if (!configuration) co_return configuration.error();
        auto found = parse_discovery(*configuration, settings_.issuer);
        if (!found) co_return found.error();
        address = std::move(*found);
    }
    const auto keys = co_await get(std::move(address));
    if (!keys) co_return keys.error();
    co_return parse_jwks(*keys, settings_.algorithms);
}

Task<Result<std::string>> IssuerKeys::get(std::string address) {
    const auto origin = origin_of(address);
    if (!origin) {
        co_return unreachable(settings_.issuer, "its openid-configuration names a jwks_uri without https");
    }
    HttpCall call;
    call.method = "GET";
    call.url = address;
    call.headers = {{"Accept", "application/json"}};
    call.deadline = answer_deadline;
    call.max_response_bytes = max_document_bytes;
    // The operator chose the issuer's address; any other one the issuer chose, who must not lead us inside.
    const bool chosen = address == settings_.jwks_uri || origin == origin_of(settings_.issuer);
    call.chosen_by = chosen ? ChosenBy::installation : ChosenBy::tenant;
    auto response = co_await http_.send(std::move(call));
    if (!response) co_return unreachable(settings_.issuer, response.error().text);
    if (response->status != 200) {
        co_return unreachable(settings_.issuer,
                              "answered " + std::to_string(response->status) + " at " + address);
    }
    co_return std::move(response->body);
}

}  // namespace relevo
