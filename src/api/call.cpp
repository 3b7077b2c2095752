#include "api/call.hpp"

#include <charconv>

#include "core/digest.hpp"

namespace relevo {

std::string_view ApiCall::parameter(std::string_view name) const {
    const auto found = parameters.find(name);
    return found == parameters.end() ? std::string_view() : std::string_view(found->second);
}

std::int64_t ApiCall::whole(std::string_view name, std::int64_t otherwise) const {
    const auto text = parameter(name);
    std::int64_t value = otherwise;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

UuidBytes ApiCall::new_uuid() const {
    if (!once) return draw_uuid(random);
    const std::string shop = once->tenant ? once->tenant->to_string() : std::string();
    return hash_uuid("api", {shop, once->caller, once->key, once->request});
}

std::string etag_of(std::string_view body) {
    return '"' + sha256_hex(body).substr(0, 32) + '"';
}

Answer entity(std::string body, int status) {
    std::string etag = etag_of(body);
    return {.status = status, .body = std::move(body), .etag = std::move(etag)};
}

std::optional<Problem> check_if_match(const ApiCall& call, std::string_view body) {
    const auto wanted = call.parameter("If-Match");
    if (wanted.empty()) {
        return Problem{428, "api.no_if_match",
                       "the change does not say what it is based on; read it, and send its ETag as If-Match"};
    }
    if (wanted == etag_of(body)) return std::nullopt;
    return Problem{412, "api.changed",
                   "somebody changed it since it was read; read it again, and decide anew what to change"};
}

std::optional<Problem> check_base(const ApiCall& call, const std::optional<std::string>& body,
                                  std::string_view what, std::string_view name) {
    if (call.parameter("If-None-Match").empty()) {
        if (call.parameter("If-Match").empty()) {
            return Problem{428, "api.no_if_match",
                           "the change does not say what it is based on; send `If-None-Match: *` to make "
                           "what is not there yet, or the ETag that was read as If-Match to change what is"};
        }
        if (body) return check_if_match(call, *body);
        return not_found(what, name);
    }
    if (!body) return std::nullopt;
    return Problem{412, "api.changed", "it is there already; read it, and send its ETag as If-Match"};
}

Problem bad_parameter(std::string_view name, std::string text) {
    Problem problem{400, "api.bad_parameter", std::string(name) + ": " + text};
    problem.flaws.push_back({{}, std::string(name), std::move(text)});
    return problem;
}

std::optional<Problem> read_moment(const ApiCall& call, std::string_view name, std::optional<SysTime>& into) {
    const auto text = call.parameter(name);
    if (text.empty()) return std::nullopt;
    into = from_iso8601(text);
    if (into) return std::nullopt;
    return bad_parameter(name, "there is no such moment");
}

Problem bad_member(std::string pointer, std::string text) {
    Problem problem{422, "api.bad_body", pointer + ": " + text};
    problem.flaws.push_back({std::move(pointer), {}, std::move(text)});
    return problem;
}

Problem bad_cursor() {
    Problem problem{400, "api.bad_cursor",
                    "the cursor is none of this list with this filter; begin with the first page"};
    problem.flaws.push_back({{}, "cursor", "send the `next` of the page before, or nothing"});
    return problem;
}

Problem refusal(PeopleStore::Outcome outcome, std::string_view what, std::string_view name) {
    switch (outcome) {
        case PeopleStore::Outcome::taken:
            return {409, "api.taken", std::string(what) + " is taken already; choose another"};
        case PeopleStore::Outcome::unknown_role:
            return bad_member("#/roles", "names a role that the shop has not; GET /v1/roles lists them");
        case PeopleStore::Outcome::last_admin:
            return {409, "api.last_admin",
                    "nobody could manage the shop's users any more; make somebody else an admin first"};
        case PeopleStore::Outcome::beyond_actor:
            return {
                403, "api.beyond_caller",
                "nobody gives, takes away or resets what they do not have; ask somebody who may do as much"};
        case PeopleStore::Outcome::too_many:
            return {409, "api.too_many_things",
                    "the shop has as many of them as it may; remove those that nobody uses"};
        default:
            return not_found(what, name);
    }
}

void add_time(JsonObject& object, std::string_view name, std::optional<SysTime> time) {
    if (time) object.text(name, to_iso8601(*time));
}

}  // namespace relevo
