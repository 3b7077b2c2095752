#include "process/api_front.hpp"

#include <fstream>
#include <iterator>

#include "api/list.hpp"
#include "identity/sign_in.hpp"
#include "postgres/identity_stores.hpp"
#include "postgres/meta_store.hpp"
#include "postgres/request_stores.hpp"
#include "process/meta_settings.hpp"

namespace relevo {
namespace {

IdentitySettings identity_settings(const Config& config) {
    IdentitySettings settings = config.identity;
    if (config.admin_token_file.empty()) return settings;
    std::ifstream in(config.admin_token_file);
    std::string token{std::istreambuf_iterator<char>(in), {}};
    while (token.ends_with('\n') || token.ends_with('\r')) token.pop_back();
    settings.operator_token = Secret(std::move(token));
    return settings;
}

constexpr std::string_view meta_metric = "meta_connections";
constexpr std::string_view meta_help = "What became of shops' connections to Meta, and of their accounts";

MetaObserver counted(Metrics& metrics) {
    // an alert sees a first refusal only where there was a nought before
    for (const std::string outcome : {"refused", "account_refused"}) {
        metrics.count(meta_metric, meta_help, MetricLabels{{"outcome", outcome}, {"code", "meta.bad_token"}},
                      0.0);
    }
    return [&metrics](std::string_view outcome, std::string_view code) {
        metrics.count(meta_metric, meta_help,
                      MetricLabels{{"outcome", std::string(outcome)}, {"code", std::string(code)}});
    };
}

// Scheme, host and port, as browsers say whose page it is.
std::string origin_of(const std::string& url) {
    const auto host = url.find("://");
    return url.substr(0, host == url.npos ? host : url.find('/', host + 3));
}

}  // namespace

ApiFront::ApiFront(boost::asio::io_context& io, Shared& shared, HttpClient& http, Random& random)
    : ApiFront(io, shared, http, random, ApiDocument::load(shared.config.schemas / "openapi.yaml")) {}

ApiFront::ApiFront(boost::asio::io_context& io, Shared& shared, HttpClient& http, Random& random,
                   const ApiDocument& document)
    : sign_in_(make_sign_in_store(shared.database)),
      people_(make_people_store(shared.database)),
      identity_(make_identity(identity_settings(shared.config),
                              {*sign_in_, *people_, http, passwords_, shared.clock, random})),
      requests_(make_request_book(shared.database, shared.masters, shared.installation)),
      // counted apart from what providers allow
      pace_(io, {.url = shared.config.redis_url, .installation = shared.installation + ":api"}, shared.clock,
            random),
      meta_settings_(meta_settings(shared.config)),
      meta_graph_(meta_settings_, http),
      meta_store_(make_meta_store(shared.database, shared.masters)),
      meta_({meta_settings_, meta_graph_, *meta_store_, shared.clock, random, counted(shared.metrics)}),
      channels_(make_channels(channel_settings(shared.config), http)),
      erasure_(shared.config),
      api_(document,
           api_handlers(document, {meta_, erasure_, channels_, agent_means(shared.config),
                                   shared.config.public_url, &shared.live}),
           {*identity_, *requests_, pace_, shared.clock, random, origin_of(shared.config.public_url),
            shared.config.http.proxies}) {}

}  // namespace relevo
