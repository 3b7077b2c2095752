#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "domain/http.hpp"

namespace relevo {

/// One thing that is wrong with what was sent: in the body, or in a parameter.
struct Flaw {
    std::string pointer = {};    ///< a JSON pointer into the body, as a fragment: "#/roles/0"
    std::string parameter = {};  ///< or a parameter's name
    std::string text;            ///< what to send instead; never what was sent
};

/// Why a request is not done: RFC 9457. `detail` says what was wrong, where, and what to do, and holds no
/// secret.
struct Problem {
    int status = 500;
    std::string code;
    std::string detail;
    std::vector<Flaw> flaws = {};
    std::optional<Millis> retry_after = std::nullopt;
    HttpHeaders headers = {};
};

/// There is none, or it is another shop's: nobody can tell which.
Problem not_found(std::string_view what, std::string_view name);
/// Of what identity and stores say: transient ones are 503, `status` is that of the permanent ones.
Problem problem_of(const Error& error, int status);

HttpResponse problem_response(const Problem& problem, std::string_view trace);

}  // namespace relevo
