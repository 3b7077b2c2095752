#include "postgres/passages.hpp"

#include "core/json_object.hpp"

namespace relevo {

std::string passages_json(const std::vector<Passage>& passages) {
    std::vector<std::string> items;
    for (const auto& passage : passages) {
        items.push_back(JsonObject()
                            .text("source", passage.source)
                            .text("title", passage.title)
                            .text("text", passage.text)
                            .real("score", passage.score)
                            .str());
    }
    return json_array(items);
}

std::vector<Passage> parse_passages(const Json& json) {
    std::vector<Passage> passages;
    for (const auto& item : json.items()) {
        passages.push_back({item.text("source"), item.text("title"), item.text("text"), item.real("score")});
    }
    return passages;
}

}  // namespace relevo
