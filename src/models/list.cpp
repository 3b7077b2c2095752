#include "models/list.hpp"

#include "models/offline.hpp"
#include "models/openai.hpp"

namespace relevo {

ModelProviders make_model_providers(const ModelSettings& settings, HttpClient& http, Clock& clock) {
    std::vector<std::unique_ptr<ModelProvider>> providers;
    providers.push_back(std::make_unique<OfflineProvider>(clock, settings.offline_pause));
    providers.push_back(std::make_unique<OpenAiProvider>(settings.openai_base_url, http, clock));
    return ModelProviders(std::move(providers));
}

}  // namespace relevo
