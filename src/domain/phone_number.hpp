#pragma once

#include "domain/number.hpp"

namespace relevo {

/// Whether a number is written as phone numbers are: with its country's code, or as Argentina, Brazil, Chile,
/// Colombia, Mexico and Spain write theirs. Digits without a blank or a hyphen may be anything: of them only
/// the commonest beginnings count.
bool looks_like_phone(const Number& number);
/// Whether a number may be a phone's where the words around it say so: a local one without its area.
bool may_be_phone(const Number& number);
/// With a plus or 00 and the length that its country's numbers have.
bool is_international(const Number& number);

}  // namespace relevo
