#pragma once

#include <memory>
#include <string>
#include <vector>

#include "domain/identity_stores.hpp"
#include "domain/people_book.hpp"
#include "postgres/database.hpp"

namespace relevo {

// Each method is one operation (op_… in migrations/0039_people.sql). They keep a reference to the database
// and are safe to use from several threads.

std::unique_ptr<SignInStore> make_sign_in_store(Database& database);
std::unique_ptr<PeopleStore> make_people_store(Database& database);

// As the database's owner, who alone may.

Task<std::vector<OperatorLine>> list_operators(Database& database);
/// Their id. Who was one is one again.
Task<std::string> add_operator(Database& database, std::string name, std::string issuer, std::string subject);
/// Whether there was such a one.
Task<bool> end_operator(Database& database, std::string id);

}  // namespace relevo
