#pragma once

#include <string>

#include "core/ids.hpp"
#include "domain/person_book.hpp"
#include "domain/secret.hpp"

namespace relevo {

/// Writes all that is kept of the contact as one JSON document, a few hundred rows at a time, of one moment.
/// `url` is the configuration's postgres.operator_text_url. Throws as OperatorSession does.
void export_person(const Secret& url, TenantId tenant, const std::string& shop, const std::string& contact,
                   const WriteText& out);

}  // namespace relevo
