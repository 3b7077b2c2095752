#include "postgres/inference.hpp"

#include "domain/shop_rules.hpp"
#include "postgres/accounts.hpp"
#include "postgres/passages.hpp"

namespace relevo {
namespace {

HistoryLine parse_line(const Json& json) {
    const std::string author = json.text("author");
    const auto parsed = author == "contact" ? HistoryLine::Author::contact
                        : author == "human" ? HistoryLine::Author::human
                                            : HistoryLine::Author::agent;
    return {parsed, json.text("text"), json.flag("in_turn")};
}

}  // namespace

Agent parse_agent(const Json& json) {
    Agent agent;
    agent.name = json.text("name");
    agent.provider = json.text("provider");
    agent.base_url = json.text("base_url");
    agent.model = json.text("model");
    agent.prompt = json.text("prompt");
    agent.disclosure = json.text("disclosure");
    agent.temperature = json.real("temperature");
    agent.max_output_tokens = static_cast<int>(json.number("max_output_tokens"));
    for (const auto& model : json["fallbacks"].items()) {
        agent.fallbacks.push_back(
            {model.text("provider"), model.text("base_url"), model.text("model"), model.text("credentials")});
    }
    return agent;
}

Inference parse_inference(const std::string& result) {
    const Json json = Json::parse(result);
    const std::string state = json.text("state");
    Inference inference;
    inference.state = state == "live"       ? Inference::State::live
                      : state == "answered" ? Inference::State::answered
                      : state == "over"     ? Inference::State::over
                                            : Inference::State::erased;
    inference.reason = json.text("reason");
    inference.replies = parse_replies(result);
    inference.epoch = json.number("epoch");
    inference.shop = json.text("shop");
    inference.agent = parse_agent(json["agent"]);
    inference.passages = parse_passages(json["passages"]);
    for (const auto& line : json["history"].items()) inference.history.push_back(parse_line(line));
    inference.metadata = json.text("metadata");
    inference.hidden = json["redact"].null() ? all_personal_kinds() : kinds_of(json["redact"].texts());
    inference.channel = json.text("channel");
    inference.account = json.text("account");
    inference.to = {json["to"].text("kind"), json["to"].text("value")};
    inference.last_message = json.text("last_message");
    inference.customer = json.text("customer");
    for (const auto& [said, meant] : json["synonyms"].members()) {
        for (const auto& word : meant.items()) inference.synonyms[said].push_back(word.text());
    }
    inference.closed = json.flag("closed");
    inference.is_first_answer = json.flag("is_first_answer");
    return inference;
}

Completion parse_completion(const Json& json) {
    const Json usage = json["usage"];
    Completion completion{json.text("text"),
                          json.text("finish_reason"),
                          json.text("model"),
                          json.text("response_id"),
                          {usage.number("input_tokens"), usage.number("output_tokens"),
                           usage.flag("reported"), usage.number("cached_tokens")},
                          json.text("provider")};
    for (const auto& asked : json["in_vain"].items()) {
        completion.in_vain.push_back({asked.text("provider"), asked.text("model"), asked.text("code")});
    }
    return completion;
}

}  // namespace relevo
