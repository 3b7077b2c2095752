#pragma once

#include <string>

#include "core/task.hpp"
#include "domain/secret.hpp"

namespace relevo {

/// What a provider says of a model, asked by a harmless read.
///  unasked      nobody was asked
///  known        it takes the key, and has the model
///  open         it has the model, and says so without a key, too: of the key it says nothing
///  unlisted     it has others, or does not say which: `text`
///  refused      it does not take the key, or wants one: `text` says why
///  bad_address  no shop may lead us there, and none will: `text` says why
///  unknown      it cannot be said now
struct ModelCheck {
    enum class State { unasked, known, open, unlisted, refused, bad_address, unknown } state = State::unasked;
    std::string text{};
};

/// A provider of models that can be asked about one; who answers without a network is none.
class CheckedProvider {
  public:
    virtual ~CheckedProvider() = default;
    /// For an operator: changes nothing there and costs nothing. `base_url` is empty for the provider's own
    /// address, `key` where there is none. Never throws for the network's or the provider's faults.
    virtual Task<ModelCheck> check_model(std::string base_url, std::string model, Secret key) = 0;
};

}  // namespace relevo
