#include "api/request.hpp"

#include <fmt/format.h>

#include <boost/url/grammar/ci_string.hpp>
#include <boost/url/parse_query.hpp>
#include <charconv>

#include "core/json_object.hpp"

namespace relevo {
namespace {

using In = ApiParameter::In;

std::string_view media_type(std::string_view header) {
    header = header.substr(0, header.find(';'));
    while (header.ends_with(' ')) header.remove_suffix(1);
    return header;
}

Problem too_large(std::size_t limit) {
    return {413, "api.too_large", fmt::format("the body may have {} bytes here; send less", limit)};
}

Problem bad_parameter(const ApiParameter& parameter, std::string text) {
    if (parameter.in == In::path) return not_found("What the path names was", "");
    Problem problem{400, "api.bad_parameter", fmt::format("{}: {}", parameter.name, text)};
    problem.flaws.push_back({{}, parameter.name, std::move(text)});
    return problem;
}

// As the schema sees it; nothing for what is none of that type.
std::optional<std::string> json_of(const ApiParameter& parameter, const std::string& text) {
    if (parameter.type == "string") return json_text(text);
    if (parameter.type == "boolean")
        return text == "true" || text == "false" ? std::optional(text) : std::nullopt;
    std::int64_t value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
    return std::to_string(value);
}

struct Named {
    std::string name;
    std::string value;
};

// Nothing for what is no query.
std::optional<std::vector<Named>> query_of(const HttpRequest& request) {
    std::vector<Named> all;
    const auto mark = request.target.find('?');
    if (mark == std::string::npos || mark + 1 == request.target.size()) return all;
    const auto parsed = boost::urls::parse_query(std::string_view(request.target).substr(mark + 1));
    if (!parsed) return std::nullopt;
    for (const auto& part : *parsed) {
        boost::urls::encoding_opts spaces;
        spaces.space_as_plus = true;
        Named named;
        part.key.decode(spaces, boost::urls::string_token::assign_to(named.name));
        part.value.decode(spaces, boost::urls::string_token::assign_to(named.value));
        all.push_back(std::move(named));
    }
    return all;
}

std::optional<Problem> read_query(const ApiOperation& operation, const HttpRequest& request,
                                  ApiParameters& values) {
    auto query = query_of(request);
    if (!query) return Problem{400, "api.bad_parameter", "what follows the ? is no query; percent-encode it"};
    for (auto& [name, value] : *query) {
        const auto* known = operation.parameter(In::query, name);
        if (!known) {
            Problem problem{400, "api.unknown_parameter",
                            "the query has a parameter that this operation does not know; leave it out"};
            problem.flaws.push_back({{}, std::move(name), "is not known here"});
            return problem;
        }
        if (!values.emplace(name, std::move(value)).second) return bad_parameter(*known, "was sent twice");
    }
    return std::nullopt;
}

// One with nothing in it was sent too: whoever sends an empty Idempotency-Key believes to be safe.
std::optional<Problem> read_header(const ApiParameter& parameter, const HttpRequest& request,
                                   ApiParameters& values) {
    for (const auto& [name, value] : request.headers) {
        if (!boost::urls::grammar::ci_is_equal(name, parameter.name)) continue;
        if (!values.emplace(parameter.name, value).second) return bad_parameter(parameter, "was sent twice");
    }
    return std::nullopt;
}

}  // namespace

std::optional<Problem> check_parameter(const ApiParameter& parameter, const std::string& text) {
    const auto json = json_of(parameter, text);
    if (!json) return bad_parameter(parameter, "must be of type " + parameter.type);
    const auto sent = SentJson::parse(*json);
    if (!sent) return bad_parameter(parameter, "is no text in UTF-8");
    auto flaw = parameter.shape.judge(*sent);
    if (!flaw) return std::nullopt;
    return bad_parameter(parameter, std::move(flaw->text));
}

Judged<ApiParameters> read_parameters(const ApiOperation& operation, const HttpRequest& request,
                                      const ApiParameters& path) {
    ApiParameters values = path;
    if (auto problem = read_query(operation, request, values)) return std::move(*problem);
    for (const auto& parameter : operation.parameters) {
        if (parameter.in == In::header) {
            if (auto problem = read_header(parameter, request, values)) return std::move(*problem);
        }
        const auto sent = values.find(parameter.name);
        if (sent == values.end()) {
            if (parameter.required) return bad_parameter(parameter, "is missing");
            continue;
        }
        if (auto problem = check_parameter(parameter, sent->second)) return std::move(*problem);
    }
    return values;
}

std::optional<Problem> check_body_head(const ApiOperation& operation, const HttpRequest& head) {
    if (!operation.body) return std::nullopt;
    const auto length = head.header("Content-Length");
    std::size_t size = 0;
    std::from_chars(length.data(), length.data() + length.size(), size);
    if (size > operation.max_body_bytes) return too_large(operation.max_body_bytes);
    if (media_type(head.header("Content-Type")) == "application/json") return std::nullopt;
    return Problem{415, "api.not_json", "the body must be JSON; send it with Content-Type: application/json"};
}

Judged<SentJson> read_body(const ApiOperation& operation, const HttpRequest& request) {
    if (!operation.body) return SentJson();
    if (request.body.size() > operation.max_body_bytes) return too_large(operation.max_body_bytes);
    auto sent = SentJson::parse(request.body);
    if (!sent) return problem_of(sent.error(), 400);
    if (auto flaw = operation.body->judge(*sent)) {
        Problem problem{422, "api.bad_body", fmt::format("{}: {}", flaw->pointer, flaw->text)};
        problem.flaws.push_back(std::move(*flaw));
        return problem;
    }
    return std::move(*sent);
}

}  // namespace relevo
