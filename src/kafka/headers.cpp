#include "kafka/headers.hpp"

#include <array>

namespace relevo::rdkafka {
namespace {

void add(rd_kafka_headers_t* headers, std::string_view name, std::string_view value) {
    if (value.empty()) return;
    rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
}

// Records of the same millisecond say the same: a stage writes hundreds of them.
class TimeFormat {
  public:
    const std::string& operator()(SysTime time) {
        Formatted& slot = recent_[static_cast<std::size_t>(to_millis(time)) % recent_.size()];
        if (slot.time != time || slot.text.empty()) slot = {time, to_iso8601(time)};
        return slot.text;
    }

  private:
    struct Formatted {
        SysTime time{};
        std::string text;
    };
    std::array<Formatted, 64> recent_;
};

}  // namespace

HeaderViews read_headers(const rd_kafka_message_t* message) {
    HeaderViews out;
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return out;
    const char* name_data = nullptr;
    const void* data = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name_data, &data, &size) == 0; ++i) {
        const std::string_view name(name_data);
        const std::string_view value(static_cast<const char*>(data), data ? size : 0);
        if (name == "ce_id") {
            out.id = value;
        } else if (name == "ce_type") {
            out.type = value;
        } else if (name == "ce_source") {
            out.source = value;
        } else if (name == "ce_subject") {
            out.subject = value;
        } else if (name == "traceparent") {
            out.traceparent = value;
        } else if (name == "installation") {
            out.installation = value;
        } else if (name == "ce_time") {
            out.time = from_iso8601(value);
        } else if (name == "expires") {
            out.expires = from_iso8601(value);
        }
    }
    return out;
}

rd_kafka_headers_t* write_headers(const Headers& headers) {
    rd_kafka_headers_t* out = rd_kafka_headers_new(10);
    if (!headers.id.empty()) {
        add(out, "ce_specversion", "1.0");
        add(out, "content-type", "application/json");
    }
    add(out, "ce_id", headers.id);
    add(out, "ce_type", headers.type);
    add(out, "ce_source", headers.source);
    add(out, "ce_subject", headers.subject);
    add(out, "traceparent", headers.traceparent);
    add(out, "installation", headers.installation);
    thread_local TimeFormat format_time;
    thread_local TimeFormat format_expiry;
    if (headers.time) add(out, "ce_time", format_time(*headers.time));
    if (headers.expires) add(out, "expires", format_expiry(*headers.expires));
    return out;
}

}  // namespace relevo::rdkafka
