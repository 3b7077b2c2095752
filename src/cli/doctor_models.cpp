#include <optional>

#include "cli/doctor.hpp"

namespace relevo {
namespace {

using Models = std::vector<ModelFacts>;
using Key = ModelFacts::Key;
using State = ModelCheck::State;

constexpr auto mend_agent = "correct the agent in the shop's file, then relevo shops apply";

std::string name_of(const ModelFacts& model) {
    return fmt::format("{}'s model {} of {}", model.shop,
                       model.model.empty() ? "without a name" : model.model, model.provider);
}

std::string put_key(const ModelFacts& model) {
    if (model.credentials.empty()) {
        return "name the category of its key, credentials: CATEGORY, beside its base_url in the shop's file; "
               "then relevo shops apply";
    }
    return fmt::format("relevo vault put {} {} API_KEY < FILE", model.shop, model.credentials);
}

// A server of one's own may ask for none.
bool needs_key(const ModelFacts& model) {
    return !model.own_address || model.names_credentials;
}

// What is to be said of it, where it is more than that all is well or that nobody was asked.
std::optional<Finding> remark(const ModelFacts& model) {
    const std::string name = name_of(model);
    if (!model.known_provider) return wrong(name + ": this installation has no such provider", mend_agent);
    // The address is not shown: somebody may have written a password into it.
    if (!model.good_address) return wrong(name + ": its base_url is no http or https URL", mend_agent);
    if (model.key == Key::missing && needs_key(model)) {
        return wrong(fmt::format("{}: the vault has no {} API_KEY", name, model.credentials), put_key(model));
    }
    if (model.key == Key::sealed) return skipped(name + ": its key does not open", "mend that first");
    const std::string told = name + ": " + model.check.text;
    switch (model.check.state) {
        case State::unasked:
        case State::known:
            break;
        case State::open:
            return skipped(told + "; whether it answers us was not tried", "write to the agent");
        case State::unlisted:
            return warning(told, "correct model or base_url in the shop's file, then relevo shops apply");
        case State::refused:
            return wrong(told, put_key(model));
        case State::bad_address:
            return wrong(told, mend_agent);
        case State::unknown:
            return warning(told, "see that this machine reaches it; try again");
    }
    return std::nullopt;
}

Findings answer(const Models& models, const Setting&) {
    if (models.empty()) return {all_well("no agent asks a model over the network")};
    Findings findings;
    std::size_t unasked = 0;
    for (const auto& model : models) {
        if (auto finding = remark(model)) {
            findings.push_back(std::move(*finding));
        } else if (model.check.state == State::unasked) {
            ++unasked;
        }
    }
    if (unasked > 0) {
        findings.push_back(
            skipped(fmt::format("{} models: nobody was asked", unasked), "relevo doctor without --offline"));
    }
    return or_all_well(std::move(findings),
                       fmt::format("{} models are there and take their keys", models.size()));
}

Findings price(const Models& models, const Setting&) {
    constexpr auto add_price = "add it to the file of prices, then relevo prices apply FILE";
    Findings findings;
    for (const auto& model : models) {
        if (model.price == ModelFacts::Price::missing) {
            findings.push_back(
                wrong(name_of(model) + " is not asked: a hard limit counts it, and nobody knows its price",
                      add_price));
        } else if (model.price == ModelFacts::Price::ends) {
            findings.push_back(warning(
                name_of(model) + " has no price within a week, and is not asked then: a hard limit counts it",
                add_price));
        }
    }
    return or_all_well(std::move(findings), "every model that a hard limit counts has a price");
}

constexpr Check<Models> checks_of_models[] = {{"models", answer}, {"prices", price}};

}  // namespace

std::span<const Check<Models>> model_checks() {
    return checks_of_models;
}

}  // namespace relevo
