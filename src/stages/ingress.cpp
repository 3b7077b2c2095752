#include "stages/ingress.hpp"

#include "domain/records.hpp"

namespace relevo {

std::vector<Record> ingest(const Endpoint& endpoint, const Parsed& parsed, const std::string& installation,
                           const std::string& traceparent, SysTime now, Millis expires_after) {
    std::vector<Record> records;
    for (const auto& inbound : parsed.inbound) {
        records.push_back(to_record(MessageReceived{endpoint.channel, endpoint.id, inbound}));
    }
    for (const auto& receipt : parsed.receipts) {
        records.push_back(to_record(ReceiptReceived{endpoint.channel, endpoint.id, receipt}));
    }
    stamp_ingress(records, installation, traceparent, now, expires_after);
    return records;
}

void stamp_ingress(std::vector<Record>& records, const std::string& installation,
                   const std::string& traceparent, SysTime now, Millis expires_after) {
    for (auto& record : records) {
        Headers& headers = record.headers;
        headers.type = "relevo." + record.topic + ".v1";
        headers.source = "/relevo/ingress";
        headers.subject = record.key;
        headers.traceparent = traceparent;
        headers.installation = installation;
        headers.time = now;
        headers.expires = now + expires_after;
    }
}

}  // namespace relevo
