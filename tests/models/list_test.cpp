#include "models/list.hpp"

#include <doctest/doctest.h>

#include "tests/models/fakes.hpp"

namespace relevo {

TEST_CASE("an agent finds its provider by name, and nothing under a name that no provider has") {
    SkippingClock clock;
    ScriptedHttp http(clock);
    const auto providers = make_model_providers({}, http, clock);
    REQUIRE(providers.find("offline") != nullptr);
    CHECK(providers.find("offline")->credentials().empty());
    REQUIRE(providers.find("openai") != nullptr);
    CHECK(providers.find("openai")->credentials() == "openai");
    CHECK(providers.find("oracle") == nullptr);
}

}  // namespace relevo
