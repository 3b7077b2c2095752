#include "api/cost.hpp"

#include <vector>

#include "core/json_object.hpp"

namespace relevo {

std::string json_of(const Cost& cost) {
    std::vector<std::string> amounts;
    for (const auto& [currency, micros] : cost.micros) {
        amounts.push_back(JsonObject().text("currency", currency).number("micros", micros).str());
    }
    return JsonObject().raw("amounts", json_array(amounts)).number("unpriced_calls", cost.unpriced).str();
}

}  // namespace relevo
