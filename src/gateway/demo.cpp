#include "gateway/demo.hpp"

#include <rapidjson/document.h>

#include <charconv>

#include "core/json_object.hpp"
#include "core/utf8.hpp"
#include "domain/records.hpp"

namespace relevo {
namespace {

constexpr std::size_t max_recent = 400;  // what a page that was just opened shows
constexpr std::size_t max_reply = 4'096;

// The host is checked too: a page elsewhere must not reach this one under a name of its own (DNS rebinding).
bool is_local(const HttpRequest& request) {
    const std::string_view peer = request.peer;
    const std::string_view host = request.header("host");
    const auto name = host.substr(0, host.rfind(':'));
    const bool near = peer.starts_with("127.") || peer.starts_with("[::1]") || peer.starts_with("::1") ||
                      peer.starts_with("::ffff:127.");
    return near && (name == "127.0.0.1" || name == "localhost" || name == "[::1]");
}

HttpResponse json(std::string body) {
    HttpResponse response;
    response.body = std::move(body);
    return response;
}

struct Place {
    TenantId tenant;
    ConversationId conversation;
};

std::optional<Place> parse_place(const PathParams& params) {
    const std::string& number = params.find("tenant")->second;
    std::int64_t tenant = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), tenant);
    const auto conversation = ConversationId::parse(params.find("conversation")->second);
    if (error != std::errc{} || end != number.data() + number.size() || !conversation) return std::nullopt;
    return Place{TenantId{tenant}, *conversation};
}

HttpResponse not_found() {
    return error_response(404, "conversation.unknown", "there is no such conversation; reload the page");
}

std::string text_of(const rapidjson::Document& body, const char* name) {
    if (!body.IsObject() || !body.HasMember(name) || !body[name].IsString()) return {};
    return clean_utf8({body[name].GetString(), body[name].GetStringLength()});
}

}  // namespace

Demo::Demo(DemoStore& store, HandoffStore& handoff, Live& live, Intake& intake, std::string public_url)
    : store_(store), handoff_(handoff), live_(live), intake_(intake), public_url_(std::move(public_url)) {
    path_ = live_.subscribe(std::string(path_channel), [this](std::string_view payload) { tell(payload); });
    desk_ =
        live_.subscribe(std::string(desk_channel), [this](std::string_view payload) { tell_desk(payload); });
}

void Demo::route(Router& router, std::string_view method, std::string_view pattern, Handler handler) {
    router.add(method, pattern, [handler](HttpRequest request, PathParams params) -> Task<HttpResponse> {
        if (!is_local(request)) {
            co_return error_response(403, "demo.local_only", "the demo page is served to this machine only");
        }
        std::optional<Error> failed;
        try {
            co_return co_await handler(std::move(request), std::move(params));
        } catch (const Failure& failure) {
            failed = failure.error();
        }
        co_return error_response(503, failed->code, failed->text);
    });
}

void Demo::add_routes(Router& router, const StaticFiles& pages) {
    const auto page = [&pages](HttpRequest request, PathParams params) -> Task<HttpResponse> {
        const auto name = params.find("name");
        co_return pages.serve(request, name == params.end() ? std::string() : name->second);
    };
    route(router, "GET", "/", [](HttpRequest, PathParams) -> Task<HttpResponse> {
        HttpResponse response;
        response.status = 302;  // for now only: without --demo nothing is here
        response.headers.emplace_back("Location", "/demo");
        co_return response;
    });
    route(router, "GET", "/demo", page);
    route(router, "GET", "/demo/{name...}", page);
    route(router, "GET", "/demo/api/shops",
          [this](HttpRequest, PathParams) -> Task<HttpResponse> { co_return json(co_await store_.shops()); });
    route(router, "GET", "/demo/api/conversations", [this](HttpRequest, PathParams) -> Task<HttpResponse> {
        co_return json(co_await store_.conversations());
    });
    const std::string one = "/demo/api/conversations/{tenant}/{conversation}";
    route(router, "GET", one, [this](HttpRequest, PathParams params) -> Task<HttpResponse> {
        const auto place = parse_place(params);
        if (!place) co_return not_found();
        auto document = co_await store_.conversation(place->tenant, place->conversation);
        co_return document ? json(std::move(*document)) : not_found();
    });
    route(router, "POST", one + "/takeover",
          [this](HttpRequest, PathParams params) { return hand_over(std::move(params), true); });
    route(router, "POST", one + "/giveback",
          [this](HttpRequest, PathParams params) { return hand_over(std::move(params), false); });
    route(router, "POST", one + "/reply", [this](HttpRequest request, PathParams params) {
        return reply(std::move(request), std::move(params));
    });
}

Task<HttpResponse> Demo::hand_over(PathParams params, bool to_human) {
    const auto place = parse_place(params);
    if (!place) co_return not_found();
    const SysTime now = intake_.clock.now();
    const bool found = to_human ? co_await handoff_.take_over(place->tenant, place->conversation, now)
                                : co_await handoff_.give_back(place->tenant, place->conversation, now);
    if (!found) co_return not_found();
    tell_desk_changed(live_, place->tenant, place->conversation);
    co_return json(JsonObject().text("mode", to_human ? "human" : "agent").str());
}

Task<HttpResponse> Demo::reply(HttpRequest request, PathParams params) {
    const auto place = parse_place(params);
    if (!place) co_return not_found();
    rapidjson::Document body;
    body.Parse<rapidjson::kParseIterativeFlag>(clean_json_escapes(request.body).c_str());
    const std::string client_id = text_of(body, "client_id");
    const std::string text = text_of(body, "text");
    if (client_id.empty() || text.empty() || count_code_points(text) > max_reply) {
        co_return error_response(
            400, "reply.invalid",
            "send {client_id, text}: a text of 1 to 4,096 characters, and for each reply an id "
            "of its own");
    }
    const SysTime now = intake_.clock.now();
    const auto reply =
        co_await handoff_.request_reply(place->tenant, place->conversation, client_id, text, now);
    if (!reply) co_return not_found();
    co_await intake_.request(ReplyReady{place->tenant, place->conversation, *reply, std::nullopt});
    tell_desk_changed(live_, place->tenant, place->conversation);
    co_return json(JsonObject().id("id", *reply).str());
}

Namespace Demo::name_space() {
    Namespace space;
    space.on_connect = [this](std::shared_ptr<Socket> socket, std::string) -> Task<Result<void>> {
        socket->emit("recent", json_array(std::vector<std::string>(recent_.begin(), recent_.end())));
        sockets_.insert(std::move(socket));
        co_return boost::system::in_place_value;
    };
    space.on_event = [](std::shared_ptr<Socket>, std::string, std::string,
                        std::function<void(std::string)>) -> Task<void> { co_return; };
    space.on_disconnect = [this](std::shared_ptr<Socket> socket) { sockets_.erase(socket); };
    return space;
}

void Demo::tell(std::string_view payload) {
    if (payload.empty()) return;
    recent_.emplace_back(payload);
    if (recent_.size() > max_recent) recent_.pop_front();
    tell_pages("stage", payload);
    rapidjson::Document event;
    event.Parse<rapidjson::kParseIterativeFlag>(payload.data(), payload.size());
    const std::string conversation = text_of(event, "conversation");
    if (conversation.empty() || !event["tenant"].IsInt64()) return;
    const std::int64_t tenant = event["tenant"].GetInt64();
    tell_pages("changed", JsonObject().number("tenant", tenant).text("conversation", conversation).str());
}

void Demo::tell_desk(std::string_view payload) {
    // Something may have been missed, of whichever conversation.
    if (payload.empty()) return tell_pages("changed", "");
    rapidjson::Document told;
    told.Parse<rapidjson::kParseIterativeFlag>(payload.data(), payload.size());
    const std::string event = text_of(told, "event");
    if (event == "written" || event == "changed") tell_pages(event, payload);
}

void Demo::shops_changed() {
    tell_pages("shops", "");
}

void Demo::tell_pages(std::string_view event, std::string_view json_args) {
    for (const auto& socket : std::set(sockets_)) socket->emit(event, json_args);
}

}  // namespace relevo
