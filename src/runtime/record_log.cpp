#include "runtime/record_log.hpp"

#include "core/log.hpp"
#include "core/trace.hpp"

namespace relevo {

void log_failed_attempt(const std::string& stage, const Envelope& record, const Error& error, int attempt) {
    log_warn("attempt.failed", {{"stage", stage},
                                {"code", error.code},
                                {"text", error.text},
                                {"attempt", attempt},
                                {"partition", record.partition},
                                {"offset", record.offset.value},
                                {"trace", trace_id(record.headers.traceparent)}});
}

void log_dead(const std::string& stage, const Envelope& record, const Error& error) {
    log_error("record.dead", {{"stage", stage},
                              {"code", error.code},
                              {"text", error.text},
                              {"partition", record.partition},
                              {"offset", record.offset.value},
                              {"trace", trace_id(record.headers.traceparent)}});
}

void log_dropped(const std::string& stage, const Envelope& record, std::string_view reason) {
    log_info("record.dropped", {{"stage", stage},
                                {"reason", reason},
                                {"partition", record.partition},
                                {"offset", record.offset.value},
                                {"trace", trace_id(record.headers.traceparent)}});
}

}  // namespace relevo
