#include "channels/meta_graph.hpp"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "channels/provider_call.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

constexpr std::string_view api_version = "v23.0";  // as channels/whatsapp_send.cpp
constexpr Millis deadline{10'000};
constexpr Millis rate_pause{5 * 60'000};
constexpr Millis unavailable_pause{60'000};
constexpr std::size_t most_accounts = 50;  // WhatsApp business accounts of one sign-in
constexpr int most_pages = 10;             // of a hundred Facebook pages each

// What Meta says is needed to receive, to send, and to subscribe.
constexpr std::string_view facebook_scopes =
    "whatsapp_business_management,whatsapp_business_messaging,pages_show_list,pages_messaging,"
    "pages_manage_metadata";
constexpr std::string_view instagram_scopes = "instagram_business_basic,instagram_business_manage_messages";
constexpr std::string_view page_fields =
    "messages,messaging_postbacks,message_deliveries,message_reads,message_reactions,message_echoes";
constexpr std::string_view instagram_fields = "messages,messaging_postbacks,messaging_seen,message_reactions";

using Pair = std::pair<std::string_view, std::string_view>;

// "a=b&c=d", with the values encoded.
std::string form(std::initializer_list<Pair> pairs) {
    std::string out;
    for (const auto& [name, value] : pairs) {
        if (!out.empty()) out += '&';
        out.append(name).append("=").append(path_segment(value));
    }
    return out;
}

HttpCall get(std::string url) {
    HttpCall call;
    call.method = "GET";
    call.url = std::move(url);
    return call;
}

HttpCall post(std::string url, std::string body, std::string_view type = "application/json") {
    HttpCall call;
    call.url = std::move(url);
    call.headers.emplace_back("Content-Type", std::string(type));
    call.body = std::move(body);
    return call;
}

struct Meaning {
    Fault fault;
    std::string_view code;
    std::string_view advice;
    std::optional<Millis> pause = std::nullopt;
};

// developers.facebook.com/docs/graph-api/guides/error-handling
Meaning meaning_of(std::int64_t code, std::int64_t subcode, int status) {
    const auto is = [](std::int64_t which, auto... codes) { return ((which == codes) || ...); };
    if (is(code, 4, 17, 32, 613) || (code >= 80'000 && code <= 80'014) || status == 429)
        return {Fault::transient, "meta.rate_limited", "the app asks Meta too often", rate_pause};
    if (is(code, 1, 2) || status >= 500)
        return {Fault::transient, "meta.unavailable", "Meta's fault", unavailable_pause};
    if (code == 100 && is(subcode, 36'007, 36'008, 36'009))
        return {Fault::permanent, "meta.bad_code", "the code was used or is too old; sign in at Meta again"};
    if (is(code, 102, 190))
        return {Fault::permanent, "meta.bad_token",
                "the token ended or was taken back; sign in at Meta again"};
    if (is(code, 3, 10) || (code >= 200 && code <= 299)) {
        return {Fault::permanent, "meta.no_permission",
                "a permission is missing; sign in at Meta again and allow all that is asked for"};
    }
    if (code == 2'200) {
        return {Fault::transient, "meta.callback_failed",
                "our webhook address did not answer Meta's challenge; see that Meta reaches public_url",
                unavailable_pause};
    }
    if (code == 133'005)
        return {Fault::permanent, "meta.wrong_pin",
                "the number has another PIN; claim it again with its PIN"};
    return {Fault::permanent, "meta.rejected", "see Meta's message"};
}

Error error_of(const Meaning& meaning, std::string text, const HttpResponse& response) {
    Error error{meaning.fault, std::string(meaning.code), std::move(text), meaning.pause};
    if (const auto asked = retry_after(response); asked && meaning.fault == Fault::transient)
        error.retry_after = std::max(*asked, meaning.pause.value_or(*asked));
    return error;
}

// What api.instagram.com says instead of an `error`.
Error refused_code(JsonNode root, const HttpResponse& response) {
    const auto code = root["code"].whole().value_or(0);
    Meaning meaning{Fault::permanent, "meta.bad_code",
                    "Instagram refused the code; sign in there again, with the app's own redirect address"};
    if (response.status == 429 || response.status >= 500) meaning = meaning_of(0, 0, response.status);
    return error_of(meaning, std::string(meaning.advice) + "; " + std::to_string(code), response);
}

// Nothing where it is no refusal.
std::optional<Error> refusal(JsonNode root, const HttpResponse& response, const Secret& quoted) {
    if (root["error_message"].has_value() || root["error_type"].has_value())
        return refused_code(root, response);
    const JsonNode error = root["error"];
    if (!error.is_object()) return std::nullopt;
    const auto code = error["code"].whole().value_or(0);
    Meaning meaning = meaning_of(code, error["error_subcode"].whole().value_or(0), response.status);
    if (error["is_transient"].is_true() && meaning.fault == Fault::permanent)
        meaning = meaning_of(2, 0, response.status);
    // Meta quotes codes and tokens in its messages, cut so that nobody would recognise them.
    const bool quotes = meaning.code == "meta.bad_token" || meaning.code == "meta.bad_code";
    const std::string message = quotes ? error["type"].text() : error["message"].text();
    return error_of(meaning,
                    std::string(meaning.advice) + "; " + provider_text(std::to_string(code), message, quoted),
                    response);
}

Error unreadable(const HttpResponse& response) {
    return {Fault::transient, "meta.unavailable",
            "HTTP " + std::to_string(response.status) + " with a body that is not Meta's", unavailable_pause};
}

// Whether the person may have the page subscribed (developers.facebook.com/docs/graph-api/reference/page/
// subscribed_apps): who only sees its statistics is told of it too. Newer pages say PROFILE_PLUS_….
bool runs_page(JsonNode page) {
    for (const auto& task : page["tasks"].items()) {
        const std::string name = task.text();
        if (name.ends_with("MANAGE") || name.ends_with("MODERATE") || name.ends_with("FULL_CONTROL"))
            return true;
    }
    return false;
}

// Some answers of Instagram's stand in an array.
JsonNode first(const JsonDocument& document) {
    const JsonNode data = document.root()["data"];
    return data.is_array() ? data.item(0) : document.root();
}

}  // namespace

std::string MetaGraph::authorize_url(MetaKind kind, std::string_view state) const {
    const std::string& id = settings_.app(kind).id;
    const std::string shared = form({{"client_id", id},
                                     {"redirect_uri", settings_.redirect_uri},
                                     {"response_type", "code"},
                                     {"state", state}});
    if (kind == MetaKind::instagram) {
        return settings_.instagram_dialog_url + "/oauth/authorize?" + shared + "&" +
               form({{"scope", instagram_scopes}});
    }
    const std::string asked = settings_.config_id.empty() ? form({{"scope", facebook_scopes}})
                                                          : form({{"config_id", settings_.config_id}});
    return settings_.dialog_url + "/" + std::string(api_version) + "/dialog/oauth?" + shared + "&" + asked;
}

Task<Result<MetaToken>> MetaGraph::exchange_code(MetaKind kind, Secret code) {
    const auto& app = settings_.app(kind);
    if (kind == MetaKind::instagram) {
        auto asked = token_of(post(settings_.instagram_api_url + "/oauth/access_token",
                                   form({{"client_id", app.id},
                                         {"client_secret", app.secret.reveal()},
                                         {"grant_type", "authorization_code"},
                                         {"redirect_uri", settings_.redirect_uri},
                                         {"code", code.reveal()}}),
                                   "application/x-www-form-urlencoded"),
                              code);
        co_return co_await std::move(asked);
    }
    auto asked = token_of(get(settings_.graph_url + "/" + std::string(api_version) + "/oauth/access_token?" +
                              form({{"client_id", app.id},
                                    {"client_secret", app.secret.reveal()},
                                    {"redirect_uri", settings_.redirect_uri},
                                    {"code", code.reveal()}})),
                          code);
    co_return co_await std::move(asked);
}

Task<Result<MetaToken>> MetaGraph::lengthen(MetaKind kind, Secret token) {
    const auto& app = settings_.app(kind);
    if (kind == MetaKind::instagram) {
        auto asked = token_of(get(settings_.instagram_graph_url + "/access_token?" +
                                  form({{"grant_type", "ig_exchange_token"},
                                        {"client_secret", app.secret.reveal()},
                                        {"access_token", token.reveal()}})),
                              token);
        co_return co_await std::move(asked);
    }
    auto asked = token_of(get(settings_.graph_url + "/" + std::string(api_version) + "/oauth/access_token?" +
                              form({{"grant_type", "fb_exchange_token"},
                                    {"client_id", app.id},
                                    {"client_secret", app.secret.reveal()},
                                    {"fb_exchange_token", token.reveal()}})),
                          token);
    co_return co_await std::move(asked);
}

Task<Result<MetaToken>> MetaGraph::refresh(MetaKind kind, Secret token) {
    if (kind == MetaKind::instagram) {
        auto asked =
            token_of(get(settings_.instagram_graph_url + "/refresh_access_token?" +
                         form({{"grant_type", "ig_refresh_token"}, {"access_token", token.reveal()}})),
                     token);
        co_return co_await std::move(asked);
    }
    // Facebook has no other way: a token that lasts is exchanged like one that does not.
    auto asked = lengthen(kind, std::move(token));
    co_return co_await std::move(asked);
}

Task<Result<std::vector<MetaAsset>>> MetaGraph::assets(MetaKind kind, Secret token) {
    std::vector<MetaAsset> assets;
    if (kind == MetaKind::instagram) {
        HttpCall call = get(settings_.instagram_graph_url + "/" + std::string(api_version) +
                            "/me?fields=user_id,username");
        authorize(call, token);
        auto asked = ask(std::move(call), token);
        const auto answer = co_await std::move(asked);
        if (!answer) co_return answer.error();
        const JsonNode me = first(*answer);
        const std::string id = me["user_id"].text();
        if (!id.empty()) assets.push_back({"instagram", id, id, me["username"].text()});
        co_return assets;
    }
    auto granted = business_accounts(token);
    const auto accounts = co_await std::move(granted);
    if (!accounts) co_return accounts.error();
    for (const auto& account : *accounts) {
        auto listed = add_numbers(assets, account, token);
        const auto added = co_await std::move(listed);
        if (!added) co_return added.error();
    }
    auto listed = add_pages(assets, token);
    const auto added = co_await std::move(listed);
    // whoever connects WhatsApp alone may have allowed no pages
    if (!added && added.error().code != "meta.no_permission") co_return added.error();
    co_return assets;
}

// Which accounts the user gave the app in this very sign-in, as Meta itself says to the app.
Task<Result<std::vector<std::string>>> MetaGraph::business_accounts(Secret token) {
    const auto& app = settings_.facebook;
    HttpCall call = get(settings_.graph_url + "/" + std::string(api_version) + "/debug_token?" +
                        form({{"input_token", token.reveal()}}));
    authorize(call, Secret(app.id + "|" + app.secret.reveal()));
    auto asked = ask(std::move(call), token);
    const auto answer = co_await std::move(asked);
    if (!answer) co_return answer.error();
    const JsonNode data = answer->root()["data"];
    if (!data["is_valid"].is_true() || data["app_id"].text() != app.id) {
        co_return Error{Fault::permanent, "meta.bad_token",
                        "Meta says that the token is not valid for this app; sign in at Meta again"};
    }
    std::vector<std::string> accounts;
    for (const auto& scope : data["granular_scopes"].items()) {
        if (scope["scope"].text() != "whatsapp_business_management") continue;
        for (const auto& id : scope["target_ids"].items()) {
            if (accounts.size() < most_accounts) accounts.push_back(id.text());
        }
    }
    co_return accounts;
}

Task<Result<void>> MetaGraph::add_numbers(std::vector<MetaAsset>& assets, std::string account, Secret token) {
    HttpCall call = get(settings_.graph_url + "/" + std::string(api_version) + "/" + path_segment(account) +
                        "/phone_numbers?fields=id,display_phone_number,verified_name&limit=100");
    authorize(call, token);
    auto asked = ask(std::move(call), token);
    const auto answer = co_await std::move(asked);
    if (!answer) co_return answer.error();
    for (const auto& number : answer->root()["data"].items()) {
        assets.push_back({"whatsapp", number["id"].text(), account, number["display_phone_number"].text()});
    }
    co_return Result<void>();
}

Task<Result<void>> MetaGraph::add_pages(std::vector<MetaAsset>& assets, Secret token) {
    std::string after;
    for (int page = 0; page < most_pages; ++page) {
        HttpCall call = get(settings_.graph_url + "/" + std::string(api_version) +
                            "/me/accounts?fields=id,name,tasks&limit=100" +
                            (after.empty() ? std::string() : "&" + form({{"after", after}})));
        authorize(call, token);
        auto asked = ask(std::move(call), token);
        const auto answer = co_await std::move(asked);
        if (!answer) co_return answer.error();
        for (const auto& it : answer->root()["data"].items()) {
            const std::string id = it["id"].text();
            if (runs_page(it)) assets.push_back({"messenger", id, id, it["name"].text()});
        }
        const JsonNode paging = answer->root()["paging"];
        after = paging["next"].has_value() ? paging["cursors"]["after"].text() : std::string();
        if (after.empty()) break;
    }
    co_return Result<void>();
}

Task<Result<Secret>> MetaGraph::page_token(std::string page, Secret token) {
    HttpCall call = get(settings_.graph_url + "/" + std::string(api_version) + "/" + path_segment(page) +
                        "?fields=access_token");
    authorize(call, token);
    auto asked = token_of(std::move(call), token);
    auto answer = co_await std::move(asked);
    if (!answer) co_return answer.error();
    co_return std::move(answer->value);
}

Task<Result<void>> MetaGraph::subscribe(MetaAsset asset, Secret token, std::string callback,
                                        Secret verify_token) {
    const bool instagram = asset.channel == "instagram";
    const bool number = asset.channel == "whatsapp";
    std::string url = (instagram ? settings_.instagram_graph_url : settings_.graph_url) + "/" +
                      std::string(api_version) + "/" + path_segment(asset.owner) + "/subscribed_apps";
    if (!number) url += "?" + form({{"subscribed_fields", instagram ? instagram_fields : page_fields}});
    HttpCall call = post(std::move(url), "{}");
    authorize(call, token);
    auto asked = done(std::move(call), token);
    auto subscribed = co_await std::move(asked);
    if (!subscribed || !number) co_return subscribed;
    auto directed =
        direct_number(asset.external_id, std::move(token), std::move(callback), std::move(verify_token));
    co_return co_await std::move(directed);
}

// developers.facebook.com/docs/whatsapp/embedded-signup/webhooks/override: the number's address goes before
// the business account's, and that before the app's.
Task<Result<void>> MetaGraph::direct_number(std::string number, Secret token, std::string callback,
                                            Secret verify_token) {
    const std::string address = JsonObject()
                                    .text("override_callback_uri", callback)
                                    .text("verify_token", verify_token.reveal())
                                    .str();
    HttpCall call = post(settings_.graph_url + "/" + std::string(api_version) + "/" + path_segment(number),
                         JsonObject().raw("webhook_configuration", address).str());
    authorize(call, token);
    auto asked = done(std::move(call), token);
    co_return co_await std::move(asked);
}

Task<Result<void>> MetaGraph::register_number(std::string number, Secret pin, Secret token) {
    HttpCall call =
        post(settings_.graph_url + "/" + std::string(api_version) + "/" + path_segment(number) + "/register",
             JsonObject().text("messaging_product", "whatsapp").text("pin", pin.reveal()).str());
    authorize(call, token);
    auto asked = done(std::move(call), token);
    co_return co_await std::move(asked);
}

Task<Result<JsonDocument>> MetaGraph::ask(HttpCall call, Secret quoted) {
    call.deadline = deadline;
    call.chosen_by = ChosenBy::installation;
    auto sent = http_.send(std::move(call));
    auto response = co_await std::move(sent);
    if (!response) {
        co_return Error{Fault::transient, "meta.unreachable", "Meta did not answer: " + response.error().text,
                        unavailable_pause};
    }
    auto document = JsonDocument::parse(response->body);
    wipe(response->body);  // it may hold a token
    if (!document) co_return unreadable(*response);
    if (auto error = refusal(document->root(), *response, quoted)) co_return std::move(*error);
    if (response->status < 200 || response->status >= 300) co_return unreadable(*response);
    co_return std::move(*document);
}

Task<Result<MetaToken>> MetaGraph::token_of(HttpCall call, Secret quoted) {
    auto asked = ask(std::move(call), std::move(quoted));
    const auto answer = co_await std::move(asked);
    if (!answer) co_return answer.error();
    const JsonNode given = first(*answer);
    MetaToken token;
    token.value = Secret(given["access_token"].text());
    if (token.value.empty()) {
        co_return Error{Fault::transient, "meta.unavailable", "Meta's answer holds no token",
                        unavailable_pause};
    }
    if (const auto seconds = given["expires_in"].whole(); seconds && *seconds > 0)
        token.lives = std::chrono::seconds(*seconds);
    co_return token;
}

Task<Result<void>> MetaGraph::done(HttpCall call, Secret quoted) {
    auto asked = ask(std::move(call), std::move(quoted));
    const auto answer = co_await std::move(asked);
    if (!answer) co_return answer.error();
    if (!answer->root()["success"].is_true()) {
        co_return Error{Fault::transient, "meta.unavailable", "Meta does not say that it did it",
                        unavailable_pause};
    }
    co_return Result<void>();
}

}  // namespace relevo
