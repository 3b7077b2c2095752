#pragma once

#include <memory>

#include "domain/identity_stores.hpp"
#include "postgres/database.hpp"

namespace relevo {

// Each method is one operation (op_… in migrations/0035_people.sql). They keep a reference to the database
// and are safe to use from several threads.

std::unique_ptr<SignInStore> make_sign_in_store(Database& database);
std::unique_ptr<PeopleStore> make_people_store(Database& database);

}  // namespace relevo
