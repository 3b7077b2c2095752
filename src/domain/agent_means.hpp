#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "domain/money_book.hpp"

namespace relevo {

/// What an installation has for the agents of its shops.
struct AgentMeans {
    /// Of models: those that an agent may name, and the category of credentials with each one's key; empty:
    /// none is needed.
    std::map<std::string, std::string> providers{};
    std::set<std::string> channels{};  ///< those that accounts may have
    /// Why no shop may state this URL as its server's, for a person; "": it may.
    std::function<std::string(std::string_view url)> address_mistake = [](std::string_view) {
        return std::string();
    };

    std::vector<std::string> provider_names() const {
        std::vector<std::string> names;
        for (const auto& [name, category] : providers) names.push_back(name);
        return names;
    }
    /// Those of `models` that somebody bills: their providers need a key.
    std::vector<ModelName> billed(std::vector<ModelName> models) const {
        std::erase_if(models, [&](const ModelName& model) {
            const auto known = providers.find(model.provider);
            return known != providers.end() && known->second.empty();
        });
        return models;
    }
};

}  // namespace relevo
