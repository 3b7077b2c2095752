#include <algorithm>

#include "api/list.hpp"

namespace relevo {
namespace {

std::string json_of(const Synonyms& synonyms) {
    std::vector<std::string> items;
    for (const auto& [said, meant] : synonyms)
        items.push_back(JsonObject().text("said", said).raw("meant", json_texts(meant)).str());
    return JsonObject().raw("items", json_array(items)).str();
}

Task<ApiResult> read(ApiCall& call) {
    auto asked = call.stores.agents().synonyms(call.tenant());
    const auto synonyms = co_await std::move(asked);
    co_return entity(json_of(synonyms));
}

Task<ApiResult> put(ApiCall& call) {
    Synonyms stated;
    const auto items = call.body.parts("items");
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (stated.emplace(items[i].text("said"), items[i].texts("meant")).second) continue;
        co_return bad_member("#/items/" + std::to_string(i) + "/said", "is in the list twice");
    }
    call.stores.hold();
    auto asked = call.stores.agents().synonyms(call.tenant());
    const auto before = co_await std::move(asked);
    if (auto problem = check_if_match(call, json_of(before))) co_return std::move(*problem);
    auto changed = call.stores.agents().set_synonyms(call.tenant(), std::move(stated), call.actor());
    co_await std::move(changed);
    auto answered = read(call);
    co_return co_await std::move(answered);
}

}  // namespace

void add_synonym_handlers(ApiHandlers& handlers) {
    handlers["read_synonyms"] = read;
    handlers["put_synonyms"] = put;
}

}  // namespace relevo
