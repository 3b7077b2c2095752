#include "tests/faults/provider.hpp"

#include <fmt/format.h>

#include <sstream>

#include "channels/json.hpp"
#include "core/json_object.hpp"

namespace relevo::faults {
namespace {

constexpr Millis beyond_any_deadline{12'000};

HttpResponse json(int status, std::string body) {
    HttpResponse response;
    response.status = status;
    response.body = std::move(body);
    return response;
}

HttpResponse graph_error(int status, int code) {
    return json(status,
                fmt::format(R"({{"error":{{"message":"no","type":"OAuthException","code":{}}}}})", code));
}

// The messages of the turn: each brings its text along as the headline of a referral, which an agent is shown
// with the turn's metadata, and only there are they told from older ones.
std::vector<std::string> asked(JsonNode request) {
    constexpr std::string_view title = "## Metadata of the customer's messages\n<metadata>\n";
    constexpr std::string_view name = "referral.headline: ";
    std::vector<std::string> lines;
    const std::string system = request["messages"].item(0)["content"].text();
    const auto start = system.find(title);
    if (start == std::string::npos) return lines;
    std::istringstream metadata(system.substr(start + title.size()));
    for (std::string line; std::getline(metadata, line) && line != "</metadata>";) {
        const auto at = line.find(name);
        if (at == std::string::npos) continue;
        const auto text = JsonDocument::parse(line.substr(at + name.size()));
        if (text) lines.push_back(text->root().text());
    }
    return lines;
}

std::string event(const std::string& choice) {
    return fmt::format(
               R"(data: {{"id":"chat","object":"chat.completion.chunk","model":"fake","choices":[{}]}})",
               choice) +
           "\n\n";
}

}  // namespace

Provider::Provider(boost::asio::io_context& io, std::uint64_t seed, Moods moods, Taken taken)
    : random_(seed),
      moods_(moods),
      taken_(std::move(taken)),
      server_(io, ServerLimits{}, [this](HttpRequest request) { return answer(std::move(request)); }) {
    server_.listen("127.0.0.1", 0);
}

Task<void> Provider::pause(double longest_seconds) {
    const auto millis = static_cast<std::int64_t>(random_.uniform() * longest_seconds * 1'000);
    co_await clock_.sleep_until(clock_.now() + Millis{millis});
}

Task<HttpResponse> Provider::answer(HttpRequest request) {
    if (request.path.starts_with("/whatsapp/")) co_return co_await send(std::move(request));
    if (request.path == "/openai/v1/chat/completions") co_return co_await complete(std::move(request));
    co_return error_response(404, "prove.unknown_path", "nobody should call this");
}

Task<HttpResponse> Provider::send(HttpRequest request) {
    const auto document = JsonDocument::parse(request.body);
    if (!document) co_return graph_error(400, 100);
    const JsonNode body = document->root();
    if (body["status"].text() == "read") co_return json(200, R"({"success":true})");
    if (happens(moods_.refuses))
        co_return happens(0.5) ? graph_error(500, 131'000) : graph_error(429, 131'056);
    if (happens(moods_.asks_for_a_break)) {
        HttpResponse response = graph_error(429, 131'056);
        response.headers = {{"Retry-After", "50"}};  // longer than a bubble waits in its lane
        co_return response;
    }
    co_await pause(happens(moods_.slow) ? 4.0 : 0.05);
    // /whatsapp/v23.0/ACCOUNT/messages
    const auto end = request.path.rfind('/');
    const auto start = request.path.rfind('/', end - 1) + 1;
    const Bubble bubble{request.path.substr(start, end - start) + "/" + body["to"].text(),
                        body["text"]["body"].text(), body["biz_opaque_callback_data"].text()};
    bubbles_.push_back(bubble);
    const std::string id = fmt::format("wamid.OUT{}", bubbles_.size());
    taken_(bubble, id);
    if (happens(moods_.loses_answer)) co_await clock_.sleep_until(clock_.now() + beyond_any_deadline);
    if (happens(moods_.garbles)) co_return json(502, "<html>Bad Gateway</html>");
    co_return json(200, fmt::format(R"({{"messaging_product":"whatsapp","messages":[{{"id":"{}"}}]}})", id));
}

Task<HttpResponse> Provider::complete(HttpRequest request) {
    co_await pause(happens(moods_.model_slow) ? 5.0 : 0.2);
    if (happens(moods_.model_fails)) co_return json(503, R"({"error":{"message":"overloaded"}})");
    const auto document = JsonDocument::parse(request.body);
    std::string text;
    bool refused = false;
    if (document) {
        for (const auto& line : asked(document->root())) {
            refused = refused || line.find("refuse") != std::string::npos;
            text += (text.empty() ? "re " : "\n\nre ") + line;
        }
    }
    HttpResponse response;
    response.content_type = "text/event-stream";
    if (!refused) {
        response.body = event(JsonObject().raw("delta", JsonObject().text("content", text).str()).str());
    }
    response.body += event(
        JsonObject().raw("delta", "{}").text("finish_reason", refused ? "content_filter" : "stop").str());
    response.body += "data: [DONE]\n\n";
    co_return response;
}

}  // namespace relevo::faults
