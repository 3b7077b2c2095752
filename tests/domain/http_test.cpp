#include "domain/http.hpp"

#include <doctest/doctest.h>

namespace relevo {

TEST_CASE("a header is found whatever its case, and the first one counts") {
    HttpRequest request;
    request.headers = {{"X-Hub-Signature-256", "a"}, {"x-hub-signature-256", "b"}};
    CHECK(request.header("x-hub-SIGNATURE-256") == "a");
    CHECK(request.header("x-hub").empty());
}

TEST_CASE("query parameters are decoded, and a missing one is empty") {
    HttpRequest request;
    request.target =
        "/webhooks/whatsapp/k?hub.mode=subscribe&hub.verify_token=a%20b+c&hub.challenge=&x=%zz&y#z=1";
    CHECK(request.query("hub.mode") == "subscribe");
    CHECK(request.query("hub.verify_token") == "a b c");
    CHECK(request.query("hub.challenge").empty());
    CHECK(request.query("x") == "%zz");
    CHECK(request.query("y").empty());
    CHECK(request.query("z").empty());
    request.target = "/none";
    CHECK(request.query("hub.mode").empty());
}

TEST_CASE("an error response is JSON, whatever its text holds") {
    const auto response = error_response(404, "webhook.unknown_key", "no \"such\" key\xff");
    CHECK(response.status == 404);
    CHECK(response.content_type == "application/json");
    CHECK(response.body ==
          "{\"error\":{\"code\":\"webhook.unknown_key\",\"text\":\"no \\\"such\\\" key\xEF\xBF\xBD\"}}");
}

}  // namespace relevo
