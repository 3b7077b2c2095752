#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "domain/http.hpp"

namespace relevo {

// What browsers are told.

/// Headers of every answer: nothing of it is stored, shown in a frame, run, or taken for another type.
void add_security_headers(HttpResponse& response);
/// Lets a page of that origin read the answer.
void allow_origin(HttpResponse& response, std::string_view origin);
/// What an allowed origin's pages may do (CORS preflight): these methods, with the headers that we know.
void add_preflight(HttpResponse& response, const std::vector<std::string>& methods);

}  // namespace relevo
