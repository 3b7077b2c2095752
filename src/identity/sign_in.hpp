#pragma once

#include <memory>

#include "core/random.hpp"
#include "domain/http.hpp"
#include "domain/identity.hpp"
#include "domain/identity_settings.hpp"
#include "domain/identity_stores.hpp"
#include "identity/passwords.hpp"

namespace relevo {

/// What an identity works with; all of it outlives it.
struct IdentityParts {
    SignInStore& store;
    PeopleStore& people;
    HttpClient& http;
    Passwords& passwords;
    Clock& clock;
    Random& random;
};

/// Used from one io_context. Throws Failure "identity.bad_settings" for settings that cannot be safe.
std::unique_ptr<Identity> make_identity(IdentitySettings settings, IdentityParts parts);

}  // namespace relevo
