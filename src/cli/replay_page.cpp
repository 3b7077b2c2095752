#include <fmt/format.h>

#include "cli/replay.hpp"

namespace relevo {
namespace {

// Nobody's words become markup.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

constexpr std::string_view style = R"(
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1c1c1c;background:#fff}
h1{font-size:1.4rem}table{border-collapse:collapse;margin:1rem 0}td,th{text-align:left;padding:.2rem 1rem .2rem 0}
section{border-top:1px solid #ddd;padding:1rem 0}.sides{display:grid;grid-template-columns:1fr 1fr;gap:1rem}
.side{border:1px solid #ddd;border-radius:6px;padding:.6rem .8rem}.same{color:#1a6b3c}.different{color:#9a4b00}
.failed{color:#a11212}p.text{white-space:pre-wrap;overflow-wrap:anywhere;margin:.4rem 0}small{color:#666}
@media(max-width:40rem){.sides{grid-template-columns:1fr}}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}section,.side{border-color:#444}small{color:#aaa}
.same{color:#6fcf97}.different{color:#f2b366}.failed{color:#ff8a8a}}
)";

std::string side(std::string_view title, const TurnAnswer& answer, bool text) {
    std::string out = fmt::format(
        "<div class=\"side\"><b>{}</b> <small>{} {} · {} + {} tokens · cost {} · {}</small>", title,
        escaped(answer.provider), escaped(answer.model), answer.usage.input_tokens,
        answer.usage.output_tokens, escaped(format_cost(answer.cost)), escaped(answer.finish_reason));
    if (text) out += fmt::format("<p class=\"text\">{}</p>", escaped(answer.text));
    for (const auto& use : answer.tools) {
        out += fmt::format(
            "<p><small>tool {} ({})</small>{}</p>", escaped(use.tool), escaped(use.status),
            text ? fmt::format("<br><code>{} → {}</code>", escaped(use.arguments), escaped(use.result)) : "");
    }
    return out + "</div>";
}

std::string section(const ReplayedTurn& turn, bool text) {
    const std::string verdict = turn.failed ? "failed" : turn.differences.empty() ? "same" : "different";
    std::string out = fmt::format(
        "<section><h2 class=\"{}\">{}</h2><small>{} · {} · conversation {} · turn {} · agent version "
        "{}</small>",
        verdict,
        verdict == "different" ? fmt::format("different: {}", fmt::join(turn.differences, ", ")) : verdict,
        to_iso8601(turn.created), escaped(turn.shop), turn.conversation.to_string(), turn.turn.to_string(),
        turn.agent_version);
    if (text) out += fmt::format("<p class=\"text\">{}</p>", escaped(turn.question));
    out += "<div class=\"sides\">" + side("before", turn.before, text);
    if (turn.failed) {
        out += fmt::format("<div class=\"side failed\">{} ({})</div>", escaped(turn.failed->text),
                           escaped(turn.failed->code));
    } else {
        out += side("after", turn.after, text);
    }
    return out + "</div></section>\n";
}

}  // namespace

std::string turns_page(const TurnReport& report) {
    const auto sum = total(report.turns);
    std::string out = fmt::format(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width\">"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
        "'unsafe-inline'\">"
        "<title>relevo replay</title><style>{}</style></head><body>\n"
        "<h1>{} of {} turns again, with {}</h1>\n"
        "<table><tr><th></th><th>tokens in</th><th>tokens out</th><th>cost</th></tr>"
        "<tr><td>before</td><td>{}</td><td>{}</td><td>{}</td></tr>"
        "<tr><td>after</td><td>{}</td><td>{}</td><td>{}</td></tr></table>\n"
        "<p><b class=\"same\">{} the same</b>, <b class=\"different\">{} different</b>, "
        "<b class=\"failed\">{} failed</b></p>\n",
        style, report.turns.size(), report.all, escaped(report.asked), sum.before.input_tokens,
        sum.before.output_tokens, escaped(format_cost(sum.cost_before)), sum.after.input_tokens,
        sum.after.output_tokens, escaped(format_cost(sum.cost_after)), sum.same, sum.different, sum.failed);
    for (const auto& turn : report.turns) out += section(turn, report.text);
    return out + "</body></html>\n";
}

}  // namespace relevo
