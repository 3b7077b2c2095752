#include <sodium.h>

#include "api/cursor.hpp"
#include "api/request.hpp"
#include "tests/fuzz/target.hpp"

using namespace relevo;
using namespace relevo::fuzz;

namespace {

constexpr const char* document_text = R"(openapi: 3.1.0
x-rates: {caller: {burst: 1, per_second: 1}, tenant: {burst: 1, per_second: 1}, stranger: {burst: 1, per_second: 1}}
paths:
  /v1/things/{thing}:
    put:
      operationId: put_thing
      security: []
      parameters:
        - {name: thing, in: path, required: true, schema: {type: integer, minimum: 1}}
        - {name: name, in: query, schema: {type: string, pattern: '^[a-z]+(-[a-z0-9]{1,3})*$', x-form: words, maxLength: 20}}
        - {name: deep, in: query, schema: {type: boolean}}
        - {name: If-Match, in: header, schema: {type: string, pattern: '^"[0-9a-f]+"$', x-form: a tag}}
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [a]
              additionalProperties: false
              properties:
                a:
                  type: array
                  uniqueItems: true
                  maxItems: 8
                  items: {type: string, pattern: '^[^@ ]+@[^@ ]+$', x-form: an address}
                b: {anyOf: [{type: integer, minimum: -5, multipleOf: 3}, {type: 'null'}, {enum: [x, y]}]}
                c: {type: object, additionalProperties: {type: string, minLength: 2}}
      responses: {'200': {description: done}}
)";

const ApiOperation& operation() {
    static const ApiDocument document = ApiDocument::parse(document_text, "fuzzed");
    return document.operations().front();
}

void check(const Problem& problem) {
    require(problem.status >= 400 && problem.status < 500, "whoever asks wrongly is told so");
    const auto response = problem_response(problem, "trace");
    const auto json = SentJson::parse(response.body);
    require(json.has_value() && json->has("detail"), "a problem is JSON");
}

}  // namespace

/// The part of a path, a query, a header and a body of one request; and the text as a cursor.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const int ready = sodium_init();
    require(ready >= 0, "libsodium starts");
    const auto text = text_of(data, size);
    Input input(text);
    const std::string thing(input.part());
    HttpRequest request;
    request.target = "/v1/things/1?" + std::string(input.part());
    request.headers = {{"Content-Type", "application/json"}, {"If-Match", std::string(input.part())}};
    request.body = input.rest();
    const auto parameters = read_parameters(operation(), request, {{"thing", thing}});
    if (const auto* problem = std::get_if<Problem>(&parameters)) check(*problem);
    if (const auto* values = std::get_if<ApiParameters>(&parameters)) {
        require(values->contains("thing"), "what is required is there");
        const auto name = values->find("name");
        require(name == values->end() || name->second.size() <= 20, "a judged parameter fits");
    }
    const auto body = read_body(operation(), request);
    if (const auto* problem = std::get_if<Problem>(&body)) check(*problem);
    if (const auto* sent = std::get_if<SentJson>(&body)) require(sent->has("a"), "a judged body fits");

    const auto key = key_of_cursor("query", text);
    require(!key || cursor_of("query", *key) == text, "a cursor has one spelling");
    require(key_of_cursor("query", cursor_of("query", text)) == std::string(text), "a cursor comes back");
    return 0;
}
