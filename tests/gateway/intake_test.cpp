#include <doctest/doctest.h>

#include <algorithm>

#include "channels/telegram_parse.hpp"
#include "channels/whatsapp_parse.hpp"
#include "domain/records.hpp"
#include "http/server.hpp"
#include "runtime/pipeline.hpp"
#include "stages/ingress.hpp"

using namespace relevo;

namespace {

const std::size_t largest_body = ServerLimits{}.max_body_bytes;

// As large as a webhook may be: `content` again and again between the two.
std::string filled(const std::string& head, const std::string& content, const std::string& tail) {
    std::string body = head;
    while (body.size() + content.size() + tail.size() <= largest_body) body += content;
    return body + tail;
}

std::size_t largest_record(const Parsed& parsed) {
    const Endpoint endpoint{{3}, {7}, "whatsapp", "1065"};
    std::size_t largest = 0;
    for (const auto& record : ingest(endpoint, parsed, "here", "trace", from_millis(0), Millis{1'000})) {
        largest = std::max(largest, record.key.size() + record.value.size());
    }
    return largest;
}

}  // namespace

TEST_CASE("the log takes whatever a webhook says, however much its JSON grows on the way") {
    const auto pipeline =
        load_pipeline(std::filesystem::path(RELEVO_SOURCE_DIR) / "pipelines/conversation.yaml").value();
    const std::size_t headers = 1 << 10;
    const auto limit =
        static_cast<std::size_t>(pipeline.find_topic(topics::messages_received)->max_message_bytes) - headers;
    const std::string change = R"({"entry":[{"changes":[{"field":)";
    // Escaped in the webhook, again where it is kept as JSON, and once more in the record.
    for (const auto* content : {R"(\")", R"(\u0001)", "\xff"}) {
        CAPTURE(content);
        const auto archived = parse_whatsapp(filled(change + R"("history","value":")", content, R"("}]}]})"));
        CHECK(largest_record(*archived) <= limit);
        // Its words stand in the text and in the metadata.
        const auto captioned = parse_whatsapp(filled(
            change + R"("messages","value":{"metadata":{"phone_number_id":"1065"},"messages":[{"from":"549",)"
                     R"("id":"1","type":"image","image":{"caption":")",
            content, R"("}}]}}]}]})"));
        REQUIRE(captioned->inbound.front().kind == InboundKind::message);
        CHECK(largest_record(*captioned) <= limit);
        const auto venue = parse_telegram(filled(
            R"({"update_id":1,"message":{"message_id":1,"chat":{"id":7,"type":"private"},"venue":{"title":")",
            content, R"("}}})"));
        REQUIRE(venue->inbound.front().kind == InboundKind::message);
        CHECK(largest_record(*venue) <= limit);
    }
    // A number is written out.
    const auto numbers = parse_whatsapp(filled(change + R"("history","value":[)", "1e20,", "1]}]}]}"));
    CHECK(largest_record(*numbers) <= limit);
}
