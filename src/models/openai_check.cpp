#include <fmt/format.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <optional>

#include "core/utf8.hpp"
#include "models/openai.hpp"
#include "models/openai_errors.hpp"

namespace relevo {
namespace {

using State = ModelCheck::State;

constexpr Millis check_deadline{5'000};
// Those who pass on to hundreds of models describe each of them.
constexpr std::size_t max_list_bytes = 8 << 20;

// Of {"data":[{"id":…}]} or the array alone; nothing where it is no such list.
std::optional<std::vector<std::string>> read_ids(std::string_view json) {
    rapidjson::Document document;
    const auto clean = clean_json_escapes(json);
    document.Parse<rapidjson::kParseIterativeFlag>(clean.data(), clean.size());
    if (document.HasParseError()) return std::nullopt;
    const rapidjson::Value* list = &document;
    if (document.IsObject()) {
        const auto data = document.FindMember("data");
        if (data == document.MemberEnd()) return std::nullopt;
        list = &data->value;
    }
    if (!list->IsArray()) return std::nullopt;
    std::vector<std::string> ids;
    for (const auto& model : list->GetArray()) {
        if (!model.IsObject()) continue;
        const auto id = model.FindMember("id");
        if (id == model.MemberEnd() || !id->value.IsString()) continue;
        ids.emplace_back(id->value.GetString(), id->value.GetStringLength());
    }
    return ids;
}

// Gemini lists models/NAME and takes NAME, Ollama lists NAME:latest.
bool is_name_of(const std::string& id, const std::string& model) {
    return id == model || id == "models/" + model || id == model + ":latest";
}

HttpCall list_call(const std::string& base, const Secret& key, ChosenBy chosen_by) {
    HttpCall call;
    call.method = "GET";
    call.url = base + "/models";
    call.headers = {{"accept", "application/json"}};
    if (!key.empty()) authorize(call, key);
    call.deadline = check_deadline;
    call.max_response_bytes = max_list_bytes;
    call.chosen_by = chosen_by;
    return call;
}

ModelCheck refusal(const std::string& host, const HttpResponse& response, const Secret& key) {
    if (response.status == 404 || response.status == 405) {
        return {State::unlisted,
                fmt::format("{} answered {}: it has no list of models there", host, response.status)};
    }
    const auto fault = read_openai_fault(response.body).value_or(OpenAiFault{});
    const Error error =
        openai_error(host, response.status, fault, read_retry_after(response.headers), key.reveal());
    const bool refused = error.code == "model.bad_key" || error.code == "model.quota";
    return {refused ? State::refused : State::unknown, error.text};
}

}  // namespace

Task<ModelCheck> OpenAiProvider::check_model(std::string base_url, std::string model, Secret key) {
    const std::string base = base_of(base_url);
    const std::string host = host_of(base);
    const ChosenBy chosen_by = base_url.empty() ? ChosenBy::installation : ChosenBy::tenant;
    const auto response = co_await http_.send(list_call(base, key, chosen_by));
    if (!response) {
        const Error error = network_error(host, response.error(), false, false);
        co_return ModelCheck{error.code == "model.bad_address" ? State::bad_address : State::unknown,
                             error.text};
    }
    if (response->status / 100 != 2) co_return refusal(host, *response, key);
    const auto ids = read_ids(response->body);
    if (!ids) {
        co_return ModelCheck{State::unlisted, host + " answered with something else than a list of models"};
    }
    if (std::ranges::none_of(*ids, [&](const auto& id) { return is_name_of(id, model); })) {
        co_return ModelCheck{State::unlisted,
                             fmt::format("{} lists {} models, and not this one", host, ids->size())};
    }
    // OpenRouter and llama.cpp show the list to whoever asks, and want a key for an answer.
    if (!key.empty()) {
        const auto without = co_await http_.send(list_call(base, Secret(), chosen_by));
        if (without && without->status / 100 == 4) co_return ModelCheck{State::known};
    }
    co_return ModelCheck{State::open, host + " shows its models to whoever asks"};
}

}  // namespace relevo
