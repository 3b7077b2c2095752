#pragma once

#include <string>

#include "domain/http.hpp"
#include "tests/faults/books.hpp"
#include "tests/faults/installation.hpp"

namespace relevo::faults {

/// WhatsApp's webhook that says it: the account and the customer stand in `said.person`. A reaction is to
/// `about`.
std::string webhook_of(const Said& said, const std::string& about);
/// That says what became of the bubble which the provider calls `id`.
std::string webhook_of(const Bubble& bubble, const std::string& id, const std::string& status);
/// The signed request to the shop's address on this machine.
HttpCall sign(const Shop& shop, std::string body, std::uint16_t port);

}  // namespace relevo::faults
