#include "domain/asked_models.hpp"

namespace relevo {

std::vector<FallbackModel> asked_models(const Agent& agent) {
    std::vector<FallbackModel> models{{agent.provider, agent.base_url, agent.model, {}}};
    for (const auto& fallback : agent.fallbacks) {
        models.push_back(fallback);
        if (fallback.credentials.empty() && !fallback.base_url.empty())
            models.back().credentials = no_credentials;
    }
    return models;
}

}  // namespace relevo
