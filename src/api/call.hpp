#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/cursor.hpp"
#include "api/document.hpp"
#include "api/problem.hpp"
#include "core/json_object.hpp"
#include "core/random.hpp"
#include "domain/identity.hpp"
#include "domain/request_stores.hpp"

namespace relevo {

/// What an operation is answered with.
struct Answer {
    int status = 200;
    std::string body = {};  ///< JSON, unless `content_type` says otherwise
    std::string etag = {};
    HttpHeaders headers = {};
    std::string content_type = "application/json";
};
using ApiResult = std::variant<Answer, Problem>;

/// A request whose caller, parameters and body were judged by the document.
struct ApiCall {
    const ApiOperation& operation;
    std::optional<Principal> who;  ///< at work for their shop, or for the one that they chose
    std::map<std::string, std::string, std::less<>> parameters;  ///< of path, query and headers, by name
    SentJson body;
    std::string trace;
    std::string client;  ///< the IP address that asks
    SysTime now;
    std::string query;                 ///< what chooses the rows of a list, the shop too
    std::optional<std::string> after;  ///< the key that the last page ended with
    std::optional<Once> once;
    RequestStores& stores;
    Identity& identity;
    Random& random;

    /// Of an operation with a permission, or for users only.
    TenantId tenant() const { return who->tenant().value(); }
    Actor actor() const { return actor_of(*who, trace); }
    /// Nothing where it was not sent.
    std::string_view parameter(std::string_view name) const;
    std::int64_t whole(std::string_view name, std::int64_t otherwise) const;
    template <class Id>
    Id id(std::string_view name) const {
        return Id::parse(parameter(name)).value_or(Id{});
    }
    /// Of what this call makes: the same one for the same Idempotency-Key.
    template <class Id>
    Id new_id() const {
        return Id{new_uuid()};
    }
    int limit() const { return static_cast<int>(whole("limit", 50)); }

  private:
    UuidBytes new_uuid() const;
};

using ApiHandler = std::function<Task<ApiResult>(ApiCall&)>;
/// By operationId.
using ApiHandlers = std::map<std::string, ApiHandler, std::less<>>;

/// Of what a representation is: any change of it makes another.
std::string etag_of(std::string_view body);
/// The answer that is a representation with its ETag.
Answer entity(std::string body, int status = 200);
/// Nothing where If-Match names this representation: else 428 or 412.
std::optional<Problem> check_if_match(const ApiCall& call, std::string_view body);
/// The same of a PUT that makes what is not there (If-None-Match), or changes what is (If-Match). `body`: the
/// representation that is there, if there is one.
std::optional<Problem> check_base(const ApiCall& call, const std::optional<std::string>& body,
                                  std::string_view what, std::string_view name);
/// What is wrong with a parameter that its schema could not tell.
Problem bad_parameter(std::string_view name, std::string text);
/// The moment of a parameter, where it was sent; or what is wrong with it.
std::optional<Problem> read_moment(const ApiCall& call, std::string_view name, std::optional<SysTime>& into);
/// What is wrong with a member of the body that its schema could not tell.
Problem bad_member(std::string pointer, std::string text);
Problem bad_cursor();
/// What the store refused, in the words of `what` ("User"). Not for Outcome::done.
Problem refusal(PeopleStore::Outcome outcome, std::string_view what, std::string_view name);
/// A time as the API writes it; left out where there is none.
void add_time(JsonObject& object, std::string_view name, std::optional<SysTime> time);

/// A page of `rows`, of which there are at most one more than the call's limit: then there is another page.
template <class Row, class JsonOf, class KeyOf>
Answer page(const ApiCall& call, const std::vector<Row>& rows, const JsonOf& json_of, const KeyOf& key_of) {
    const auto limit = static_cast<std::size_t>(call.limit());
    std::vector<std::string> items;
    for (const auto& row : rows) {
        if (items.size() < limit) items.push_back(json_of(row));
    }
    JsonObject body;
    body.raw("items", json_array(items));
    if (rows.size() > limit) body.text("next", cursor_of(call.query, key_of(rows[limit - 1])));
    return {.body = body.str()};
}

/// The same of all the rows that there are, in the order of a list that changes seldom: those after the one
/// with the cursor's key, or after the place where it was. `before`: whether a row with the first key stands
/// before one with the second.
template <class Row, class JsonOf, class KeyOf, class Before>
Answer page_of_all(const ApiCall& call, std::vector<Row> rows, const JsonOf& json_of, const KeyOf& key_of,
                   const Before& before) {
    std::ranges::sort(rows, [&](const Row& a, const Row& b) { return before(key_of(a), key_of(b)); });
    if (call.after) std::erase_if(rows, [&](const Row& row) { return !before(*call.after, key_of(row)); });
    return page(call, rows, json_of, key_of);
}

}  // namespace relevo
