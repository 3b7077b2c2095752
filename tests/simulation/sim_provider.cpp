#include "tests/simulation/sim_provider.hpp"

#include <rapidjson/document.h>

#include <algorithm>

#include "core/json_object.hpp"

namespace relevo {
namespace {

using Answer = SimProvider::Answer;

constexpr Millis latest_landing{15'000};  // of a request whose sender hears nothing any more

std::string text_of(const rapidjson::Value& object, const char* name) {
    const auto member = object.IsObject() ? object.FindMember(name) : rapidjson::Value::ConstMemberIterator();
    if (!object.IsObject() || member == object.MemberEnd()) return {};
    if (member->value.IsString()) return member->value.GetString();
    return member->value.IsInt64() ? std::to_string(member->value.GetInt64()) : std::string();
}

HttpResponse json_response(int status, std::string body) {
    HttpResponse response;
    response.status = status;
    response.body = std::move(body);
    return response;
}

HttpResponse page(int status) {
    HttpResponse response = json_response(status, "<html>Bad gateway</html>");
    response.content_type = "text/html";
    return response;
}

// developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
HttpResponse graph_error(int status, int code, std::string_view message) {
    return json_response(status, JsonObject()
                                     .raw("error", JsonObject()
                                                       .text("message", message)
                                                       .text("type", "OAuthException")
                                                       .number("code", code)
                                                       .str())
                                     .str());
}

// core.telegram.org/bots/api#making-requests
HttpResponse bot_error(int code, std::string_view description, std::string parameters = {}) {
    return json_response(code, JsonObject()
                                   .flag("ok", false)
                                   .number("error_code", code)
                                   .text("description", description)
                                   .raw("parameters", parameters)
                                   .str());
}

HttpResponse whatsapp_answer(Answer answer, const std::string& to, const std::string& id) {
    switch (answer) {
        case Answer::refuses:
            return graph_error(400, 131056, "(#131056) pair rate limit hit");
        case Answer::rejects:
            return graph_error(400, 131026, "(#131026) message undeliverable");
        case Answer::breaks:
            return graph_error(500, 131000, "(#131000) something went wrong");
        case Answer::garbles:
        case Answer::garbles_accepted:
            return page(502);
        case Answer::accepts:
            break;
    }
    return json_response(
        200, JsonObject()
                 .text("messaging_product", "whatsapp")
                 .raw("contacts", json_array({JsonObject().text("input", to).text("wa_id", to).str()}))
                 .raw("messages", json_array({JsonObject().text("id", id).str()}))
                 .str());
}

HttpResponse telegram_answer(Answer answer, const std::string& to, std::size_t number) {
    switch (answer) {
        case Answer::refuses:
            return bot_error(429, "Too Many Requests: retry after 5",
                             JsonObject().number("retry_after", 5).str());
        case Answer::rejects:
            return bot_error(403, "Forbidden: bot was blocked by the user");
        case Answer::breaks:
            return bot_error(500, "Internal Server Error");
        case Answer::garbles:
        case Answer::garbles_accepted:
            return page(502);
        case Answer::accepts:
            break;
    }
    return json_response(
        200, JsonObject()
                 .flag("ok", true)
                 .raw("result", JsonObject()
                                    .number("message_id", static_cast<std::int64_t>(number))
                                    .raw("chat", JsonObject().text("id", to).text("type", "private").str())
                                    .str())
                 .str());
}

}  // namespace

std::size_t SimProvider::count(ReplyId reply) const {
    return static_cast<std::size_t>(std::count_if(
        bubbles.begin(), bubbles.end(), [&](const SimBubble& bubble) { return bubble.reply() == reply; }));
}

HttpResponse SimProvider::serve(const HttpCall& call, const SimTag& tag, Answer answer) {
    rapidjson::Document body;
    body.Parse(call.body.c_str());
    SimBubble bubble;
    bubble.at = clock_.now();
    bubble.tag = tag;
    const std::string number = std::to_string(bubbles.size() + 1);
    const auto bot = call.url.find("/bot");
    HttpResponse response;
    if (bot != std::string::npos) {
        const auto from = bot + std::string_view("/bot").size();
        bubble.token = call.url.substr(from, call.url.find('/', from) - from);
        bubble.account = bots.contains(bubble.token) ? bots.at(bubble.token) : std::string();
        bubble.to = text_of(body, "chat_id");
        bubble.text = text_of(body, "text");
        bubble.provider_id = bubble.to + ":" + number;
        response = telegram_answer(answer, bubble.to, bubbles.size() + 1);
    } else {
        constexpr std::string_view version = "/v23.0/";
        const auto from = call.url.find(version) + version.size();
        bubble.account = call.url.substr(from, call.url.find('/', from) - from);
        constexpr std::string_view bearer = "Bearer ";
        for (const auto& [name, value] : call.headers) {
            if (name == "Authorization") bubble.token = value.substr(bearer.size());
        }
        bubble.to = text_of(body, body.HasMember("to") ? "to" : "recipient");
        if (body.HasMember("text")) bubble.text = text_of(body["text"], "body");
        bubble.provider_id = "wamid." + number;
        response = whatsapp_answer(answer, bubble.to, bubble.provider_id);
    }
    if (answer != Answer::accepts && answer != Answer::garbles_accepted) return response;
    bubbles.push_back(std::move(bubble));
    if (accepted) accepted(bubbles.back());
    return response;
}

SimProvider::Answer SimHttp::draw() {
    const SimRates& rates = faults_->rates();
    if (faults_->happens(rates.provider_refuses)) return Answer::refuses;
    if (faults_->happens(rates.provider_rejects)) return Answer::rejects;
    if (faults_->happens(rates.provider_breaks)) return Answer::breaks;
    if (faults_->happens(rates.provider_garbles))
        return faults_->happens(0.5) ? Answer::garbles : Answer::garbles_accepted;
    return Answer::accepts;
}

Task<boost::system::result<HttpResponse, HttpFault>> SimHttp::send(HttpCall call, BodySink) {
    const auto tag = std::exchange(tag_, std::nullopt);
    SimClock& clock = faults_->clock();
    const SimRates& rates = faults_->rates();
    if (!tag) {  // that an answer is being written: best effort
        co_await faults_->latency(rates.longest_send);
        co_return json_response(200, R"({"success":true})");
    }
    if (faults_->happens(rates.provider_hidden)) {
        co_await faults_->latency(rates.longest_send);
        co_return HttpFault{Reached::no, "the simulated provider has no address"};
    }
    if (provider_.sending) provider_.sending(*tag);
    const bool mute = faults_->happens(rates.provider_times_out);
    const bool lost = mute && faults_->happens(0.5);
    const Answer drawn = draw();
    if (mute || drawn == Answer::garbles || drawn == Answer::garbles_accepted)
        provider_.unclear.emplace(tag->reply, tag->attempt);
    const SysTime now = clock.now();
    const SysTime until = now + call.deadline;
    const SysTime lands = now + faults_->up_to(mute ? latest_landing : rates.longest_send);
    const SysTime told = lands + faults_->up_to(rates.longest_send);
    const auto answer = std::make_shared<std::optional<HttpResponse>>();
    co_await SimLoop::wait([&](SimLoop::Wake wake) {
        if (mute || told >= until) clock.at(until, wake);
        if (lost) return;
        clock.at(lands, [&clock, &provider = provider_, faults = faults_, call = std::move(call), tag = *tag,
                         drawn, answer, wake, told, in_time = !mute && told < until] {
            const std::size_t before = provider.bubbles.size();
            auto response = provider.serve(call, tag, drawn);
            const bool accepted = provider.bubbles.size() > before;
            faults->trace.tell(faults->process, "reply {} attempt {} {} by the provider",
                               tag.reply.to_string(), tag.attempt, accepted ? "taken" : "not taken");
            if (accepted && faults->dies_at("send.accepted")) return;
            if (!in_time) return;
            *answer = std::move(response);
            clock.at(told, wake);
        });
    });
    if (!*answer) co_return HttpFault{Reached::maybe, "the simulated provider did not answer in time"};
    co_return std::move(**answer);
}

Task<Sent> SimChannel::send(Outbound bubble, DeliveryPermit permit) {
    co_await faults_->point("send.before");
    // the web page's bubbles need no request
    if (!sending_secret().empty()) http_.tag({permit.reply(), permit.attempt(), faults_->process});
    co_return co_await channel_->send(std::move(bubble), permit);
}

std::string speaker_of(std::string_view line) {
    if (line.starts_with("re ")) line.remove_prefix(3);
    const auto colon = line.find(": ");
    const auto slash = line.find('/');
    if (colon == std::string_view::npos || slash == std::string_view::npos || slash > colon) return {};
    return std::string(line.substr(0, colon));
}

Task<Result<Completion>> SimModel::complete(Prompt prompt, DeltaSink delta) {
    const SimRates& rates = faults_->rates();
    co_await faults_->point("model.before");
    if (faults_->happens(rates.model_hangs)) {
        // its own deadline, or the watchdog's
        if (faults_->happens(0.5)) co_await SimLoop::wait([](SimLoop::Wake) {});
        co_await faults_->clock().sleep_until(faults_->clock().now() + prompt.deadline);
        co_return Error{Fault::transient, "model.timeout", "the simulated model did not answer"};
    }
    co_await faults_->latency(rates.longest_model);
    if (faults_->happens(rates.model_fails)) {
        co_return Error{Fault::transient, "model.unavailable", "the simulated model is away"};
    }
    if (faults_->happens(rates.model_gives_up)) {
        co_return Error{Fault::permanent, "model.refused", "the simulated model refuses"};
    }
    std::string all = prompt.question;
    for (const auto& message : prompt.messages) all += "\n" + message.text;
    if (all.find('@') != std::string::npos) provider_.problems.push_back("a model read an e-mail address");
    std::string speaker;
    for (std::string_view rest = all; !rest.empty();) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        const std::string says = speaker_of(line);
        if (says.empty()) continue;
        if (speaker.empty()) speaker = says;
        if (says != speaker) provider_.problems.push_back("a model read " + says + " beside " + speaker);
    }
    const std::string mark = numbered_ ? " ~" + std::to_string(++provider_.answers) : std::string();
    Completion completion;
    completion.text = "hello" + mark;
    std::string_view rest = prompt.question;
    while (!rest.empty()) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        completion.text += "\n\nre " + std::string(line) + mark;
    }
    completion.text += "\n\nbye" + mark;
    completion.finish_reason = "stop";
    completion.usage = {static_cast<std::int64_t>(all.size() / 3),
                        static_cast<std::int64_t>(completion.text.size() / 3), true};
    delta(completion.text);
    co_await faults_->point("model.after");
    co_return completion;
}

}  // namespace relevo
