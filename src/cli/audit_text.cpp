#include "cli/audit_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/moments.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

struct End {
    std::string_view name;
    std::string_view words;
};
// Rule 11's five, then what is not at its end.
constexpr std::array<End, 7> ends{{{"answered", "answered"},
                                   {"human", "left to a human"},
                                   {"superseded", "superseded"},
                                   {"dropped", "dropped"},
                                   {"dead", "dead"},
                                   {"open", "on their way"},
                                   {"unexplained", "unexplained"}}};

std::int64_t sum(const std::map<std::string, std::int64_t>& reasons) {
    std::int64_t all = 0;
    for (const auto& [reason, count] : reasons) all += count;
    return all;
}

std::map<std::string, std::int64_t> reasons_of(const Audit& audit, std::string_view end) {
    const auto found = audit.counts.find(std::string(end));
    return found == audit.counts.end() ? std::map<std::string, std::int64_t>{} : found->second;
}

std::string list(const std::map<std::string, std::int64_t>& reasons) {
    std::string out;
    for (const auto& [reason, count] : reasons) {
        if (!reason.empty())
            out += fmt::format("{}{} {}", out.empty() ? "" : ", ", reason, human_count(count));
    }
    return out;
}

}  // namespace

std::int64_t total(const Audit& audit) {
    std::int64_t all = 0;
    for (const auto& [end, reasons] : audit.counts) all += sum(reasons);
    return all;
}

std::string audit_table(const Audit& audit, SysTime now) {
    std::string out = fmt::format("{:<18} {:>14}\n", "inbound messages", human_count(total(audit)));
    for (const auto& end : ends) {
        const auto reasons = reasons_of(audit, end.name);
        const std::string why = list(reasons);
        out += fmt::format("  {:<16} {:>14}{}\n", end.words, human_count(sum(reasons)),
                           why.empty() ? "" : "   " + why);
    }
    for (const auto& message : audit.unexplained) {
        // a letter whose record nobody could read has no message to ask for
        const bool unread = message.message.starts_with("letter ");
        out += fmt::format(
            "{}  {}  {}{}: relevo {} {}\n", message.message, message.slug.empty() ? "-" : message.slug,
            message.reason, message.since ? " for " + human_span(now - *message.since) : "",
            unread ? "dead show" : "why", unread ? message.message.substr(7) : message.message);
    }
    return out;
}

std::string audit_json(const Audit& audit) {
    JsonObject counts, reasons;
    for (const auto& end : ends) {
        const auto of_end = reasons_of(audit, end.name);
        counts.number(end.name, sum(of_end));
        JsonObject each;
        for (const auto& [reason, count] : of_end) each.number(reason, count);
        reasons.raw(end.name, each.str());
    }
    std::vector<std::string> items;
    for (const auto& message : audit.unexplained) {
        items.push_back(JsonObject()
                            .text("message", message.message)
                            .text("slug", message.slug)
                            .text("reason", message.reason)
                            .text_if_any("since", message.since ? to_iso8601(*message.since) : "")
                            .str());
    }
    return JsonObject()
        .number("messages", total(audit))
        .raw("ends", counts.str())
        .raw("reasons", reasons.str())
        .raw("unexplained", json_array(items))
        .str();
}

}  // namespace relevo
