#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>

#include "api/document.hpp"
#include "api/problem.hpp"
#include "domain/http.hpp"

namespace relevo {

/// By name; those that were not sent are missing.
using ApiParameters = std::map<std::string, std::string, std::less<>>;

/// What was sent, or what is wrong with it.
template <class T>
using Judged = std::variant<T, Problem>;

/// The operation's parameters, judged one by one: 404 for a part of the path that names nothing, 400 for any
/// other, and for one in the query that the operation does not have.
Judged<ApiParameters> read_parameters(const ApiOperation& operation, const HttpRequest& request,
                                      const ApiParameters& path);

/// The same of one of them, where it was sent.
std::optional<Problem> check_parameter(const ApiParameter& parameter, const std::string& text);

/// What can be told from the head, before the body is read: 413, 415.
std::optional<Problem> check_body_head(const ApiOperation& operation, const HttpRequest& head);
/// 413, 400 for what is no JSON, 422 for JSON of another shape.
Judged<SentJson> read_body(const ApiOperation& operation, const HttpRequest& request);

}  // namespace relevo
