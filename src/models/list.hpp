#pragma once

#include <string>

#include "core/clock.hpp"
#include "domain/http.hpp"
#include "domain/model.hpp"

namespace relevo {

struct ModelSettings {
    std::string openai_base_url = "https://api.openai.com/v1";
    Millis offline_pause{25};  ///< between two words of the offline provider, so that its stream can be seen
};

/// Every family of models that an agent can name as its provider. `http` and `clock` outlive the result.
ModelProviders make_model_providers(const ModelSettings& settings, HttpClient& http, Clock& clock);

}  // namespace relevo
