#include "domain/asked_models.hpp"

#include <doctest/doctest.h>

using namespace relevo;

TEST_CASE("an agent asks its own model, then its fallbacks, and one server is not told another's key") {
    Agent agent;
    agent.provider = "openai";
    agent.base_url = "https://one.example/v1";
    agent.model = "small";
    agent.fallbacks = {{"openai", "https://two.example/v1", "a", ""},
                       {"openai", "https://three.example/v1", "b", "other"},
                       {"openai", "", "c", ""}};
    std::vector<std::string> asked;
    for (const auto& it : asked_models(agent)) asked.push_back(it.model + " " + it.credentials);
    // nothing: the provider's own category
    CHECK(asked == std::vector<std::string>{"small ", "a " + std::string(no_credentials), "b other", "c "});
}
