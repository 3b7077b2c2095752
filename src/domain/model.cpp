#include "domain/model.hpp"

namespace relevo {

ModelProviders::ModelProviders(std::vector<std::unique_ptr<ModelProvider>> providers)
    : providers_(std::move(providers)) {}

ModelProvider* ModelProviders::find(std::string_view name) const {
    for (const auto& provider : providers_) {
        if (provider->name() == name) return provider.get();
    }
    return nullptr;
}

std::vector<std::string> ModelProviders::names() const {
    std::vector<std::string> names;
    for (const auto& provider : providers_) names.emplace_back(provider->name());
    return names;
}

}  // namespace relevo
