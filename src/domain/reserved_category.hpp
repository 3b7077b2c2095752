#pragma once

#include <string_view>

#include "core/error.hpp"

namespace relevo {

/// The vault's category that the product keeps for itself (see postgres/erasure_keys.hpp): nobody states,
/// sees or removes what is in it.
inline constexpr std::string_view reserved_category = "relevo";

inline Error reserved_error() {
    return {Fault::permanent, "vault.reserved",
            "the category 'relevo' is the product's own: state the secret under another one"};
}

}  // namespace relevo
