#include "stages/ingress.hpp"

#include <doctest/doctest.h>

#include "domain/records.hpp"

namespace relevo {
namespace {

const Endpoint endpoint{{3}, {7}, "whatsapp", "1065"};
const SysTime now = from_millis(1'700'000'000'000);

Inbound message(const std::string& event, const std::string& from) {
    Inbound inbound;
    inbound.kind = InboundKind::message;
    inbound.account = "1065";
    inbound.event_id = event;
    inbound.aliases = {{"wa_id", from}};
    return inbound;
}

std::vector<Record> ingest(const Parsed& parsed) {
    return relevo::ingest(endpoint, parsed, "here", "trace", now, Millis{1'000});
}

}  // namespace

TEST_CASE("everything that a webhook says becomes a record, in its order") {
    Parsed parsed;
    parsed.inbound = {message("1", "549"), message("2", "549"), message("3", "551")};
    parsed.receipts.resize(2);
    const auto records = ingest(parsed);
    REQUIRE(records.size() == 5);
    for (int n = 0; n < 3; ++n) {
        const auto& record = records[static_cast<std::size_t>(n)];
        CHECK(record.topic == topics::messages_received);
        CHECK(decode_message_received(record.value).value().inbound.event_id == std::to_string(n + 1));
    }
    CHECK(records[3].topic == topics::receipts_received);
    CHECK(records[0].key == records[1].key);  // one contact's messages stay in order
    CHECK(records[0].key != records[2].key);
}

TEST_CASE("a record carries the scope that was verified, its installation and its expiry") {
    Parsed parsed;
    parsed.inbound = {message("1", "549")};
    const auto records = ingest(parsed);
    CHECK(decode_message_received(records.front().value).value().scope == EndpointId{3});
    const Headers& headers = records.front().headers;
    CHECK(headers.installation == "here");
    CHECK(headers.expires == now + Millis{1'000});
    CHECK(headers.time == now);
    CHECK(headers.traceparent == "trace");
    CHECK(headers.type == "relevo.messages.received.v1");
}

TEST_CASE("a redelivered webhook makes records of the same ids, other messages make others") {
    Parsed parsed;
    parsed.inbound = {message("1", "549"), message("2", "549")};
    const auto once = ingest(parsed);
    const auto again = ingest(parsed);
    CHECK(once[0].headers.id == again[0].headers.id);
    CHECK(once[0].headers.id != once[1].headers.id);
}

}  // namespace relevo
