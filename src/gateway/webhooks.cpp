#include "gateway/webhooks.hpp"

#include "core/log.hpp"

namespace relevo {

void Webhooks::add_routes(Router& router) {
    const auto check = [this](HttpRequest head, PathParams params) {
        return check_key(std::move(head), std::move(params));
    };
    router.add(
        "GET", "/webhooks/{channel}/{key}",
        [this](HttpRequest request, PathParams params) {
            return challenge(std::move(request), std::move(params));
        },
        check);
    router.add(
        "POST", "/webhooks/{channel}/{key}",
        [this](HttpRequest request, PathParams params) {
            return receive(std::move(request), std::move(params));
        },
        check);
}

// Whoever calls chooses the path: only our own channels are labels.
void Webhooks::count(const std::string& channel, int status, const std::string& code) {
    intake_.metrics.count("webhooks", "Webhooks, by channel, answer and why they were refused",
                          MetricLabels{{"channel", channels_.find(channel) ? channel : "none"},
                                       {"status", std::to_string(status)},
                                       {"code", code}});
}

HttpResponse Webhooks::refuse(const HttpRequest& request, const std::string& channel, int status,
                              const std::string& code, const std::string& text) {
    log_warn("webhook.refused",
             {{"channel", channel}, {"status", status}, {"code", code}, {"peer", request.peer}});
    count(channel, status, code);
    return error_response(status, code, text);
}

Task<std::optional<HttpResponse>> Webhooks::check_key(HttpRequest head, PathParams params) {
    const std::string channel = params["channel"];
    std::optional<Error> failed;
    try {
        const bool webhooks =
            channels_.find(channel) && !channels_.find(channel)->verification_secret().empty();
        if (webhooks && co_await endpoints_.find(channel, params["key"])) co_return std::nullopt;
    } catch (const Failure& failure) {
        failed = failure.error();
    }
    if (failed) {
        co_return refuse(head, channel, 503, failed->code,
                         "this address cannot be looked up now; send it again");
    }
    co_return refuse(head, channel, 404, "webhook.unknown_key",
                     "no account has this webhook address; relevo shops list shows the addresses");
}

Task<HttpResponse> Webhooks::challenge(HttpRequest request, PathParams params) {
    const std::string name = params["channel"];
    Channel* channel = channels_.find(name);
    const auto known = co_await endpoints_.find(name, params["key"]);
    if (!channel || !known || channel->challenge_secret().empty()) {
        co_return refuse(request, name, 405, "webhook.no_challenge",
                         "this channel sends its webhooks with POST");
    }
    HttpResponse response = channel->challenge(request, known->challenge);
    count(name, response.status, response.status == 200 ? "" : "webhook.bad_verify_token");
    if (response.status != 200) {
        log_warn("webhook.refused", {{"channel", name}, {"status", response.status}, {"peer", request.peer}});
    }
    co_return response;
}

Task<HttpResponse> Webhooks::receive(HttpRequest request, PathParams params) {
    const std::string name = params["channel"];
    Channel* channel = channels_.find(name);
    const auto known = co_await endpoints_.find(name, params["key"]);
    if (!channel || !known)
        co_return refuse(request, name, 404, "webhook.unknown_key", "no such webhook address");
    if (const auto verified = channel->verify(request, known->verification); !verified) {
        co_return refuse(request, name, 401, verified.error().code, verified.error().text);
    }
    auto parsed = channel->parse(request);
    if (!parsed) co_return refuse(request, name, 400, parsed.error().code, parsed.error().text);
    HttpResponse taken;
    taken.body = std::move(parsed->answer);
    std::optional<Error> failed;
    try {
        co_await intake_.take(known->endpoint, std::move(*parsed));
    } catch (const Failure& failure) {
        failed = failure.error();
    }
    if (failed && failed->fault == Fault::permanent) {
        co_return refuse(request, name, 413, failed->code, "one part of it is larger than the log takes");
    }
    if (failed) {
        log_error("ingress.unavailable", {{"channel", name}, {"code", failed->code}, {"text", failed->text}});
        co_return refuse(request, name, 503, failed->code, "the log cannot take it now; send it again");
    }
    count(name, 200, "");
    co_return taken;
}

}  // namespace relevo
