#include "domain/identity_settings.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace relevo {
namespace {

constexpr std::array<std::pair<JwtAlgorithm, std::string_view>, 5> names{{
    {JwtAlgorithm::rs256, "RS256"},
    {JwtAlgorithm::ps256, "PS256"},
    {JwtAlgorithm::es256, "ES256"},
    {JwtAlgorithm::eddsa, "EdDSA"},
    {JwtAlgorithm::hs256, "HS256"},
}};

}  // namespace

std::string_view name_of(JwtAlgorithm algorithm) {
    const auto* const found =
        std::ranges::find(names, algorithm, &std::pair<JwtAlgorithm, std::string_view>::first);
    return found->second;
}

std::optional<JwtAlgorithm> jwt_algorithm(std::string_view name) {
    for (const auto& [algorithm, its_name] : names) {
        if (its_name == name) return algorithm;
    }
    return std::nullopt;
}

}  // namespace relevo
