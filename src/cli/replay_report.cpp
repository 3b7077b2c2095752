#include <fmt/format.h>

#include <algorithm>

#include "cli/replay.hpp"
#include "domain/money_json.hpp"

namespace relevo {
namespace {

std::string join(const std::vector<std::string>& parts) {
    return fmt::format("{}", fmt::join(parts, ", "));
}

std::string indent(std::string_view text) {
    std::string out = "      ";
    for (const char c : text) {
        out += c;
        if (c == '\n') out += "      ";
    }
    return out;
}

std::string describe(const TurnAnswer& answer) {
    std::string tools;
    for (const auto& use : answer.tools) tools += (tools.empty() ? "; tools " : ", ") + use.tool;
    return fmt::format("{} {}, {} + {} tokens{}, cost {}, {} characters, {}{}", answer.provider, answer.model,
                       answer.usage.input_tokens, answer.usage.output_tokens,
                       answer.usage.reported ? "" : " (estimated)", format_cost(answer.cost),
                       answer.text.size(), answer.finish_reason, tools);
}

std::string answer_json(const TurnAnswer& answer, bool text) {
    std::vector<std::string> tools;
    for (const auto& use : answer.tools) {
        JsonObject item;
        item.text("tool", use.tool).text("status", use.status);
        if (text) item.raw("arguments", use.arguments).raw("result", use.result);
        tools.push_back(item.str());
    }
    JsonObject json;
    json.text("provider", answer.provider)
        .text("model", answer.model)
        .text("finish_reason", answer.finish_reason)
        .number("input_tokens", answer.usage.input_tokens)
        .number("output_tokens", answer.usage.output_tokens)
        .flag("tokens_reported", answer.usage.reported)
        .raw("cost", cost_json(answer.cost))
        .number("characters", static_cast<std::int64_t>(answer.text.size()))
        .raw("tools", json_array(tools));
    if (text) json.text("text", answer.text);
    return json.str();
}

}  // namespace

TurnTotals total(const std::vector<ReplayedTurn>& turns) {
    TurnTotals out;
    for (const auto& turn : turns) {
        if (turn.failed) {
            ++out.failed;
            continue;
        }
        ++(turn.differences.empty() ? out.same : out.different);
        out.before.input_tokens += turn.before.usage.input_tokens;
        out.before.output_tokens += turn.before.usage.output_tokens;
        out.after.input_tokens += turn.after.usage.input_tokens;
        out.after.output_tokens += turn.after.usage.output_tokens;
        out.cost_before += turn.before.cost;
        out.cost_after += turn.after.cost;
    }
    return out;
}

std::string show_turns(const TurnReport& report) {
    std::string out;
    for (const auto& turn : report.turns) {
        out += fmt::format("{}  {}  conversation {}  turn {}\n", to_iso8601(turn.created), turn.shop,
                           turn.conversation.to_string(), turn.turn.to_string());
        if (turn.failed) {
            out += fmt::format("  failed: {} ({})\n", turn.failed->text, turn.failed->code);
        } else if (turn.differences.empty()) {
            out += "  same\n";
        } else {
            out += fmt::format("  differs: {}\n", join(turn.differences));
        }
        if (report.text) out += "    asked\n" + indent(turn.question) + "\n";
        out += fmt::format("    before  {}\n", describe(turn.before));
        if (report.text) out += indent(turn.before.text) + "\n";
        if (!turn.failed) {
            out += fmt::format("    after   {}\n", describe(turn.after));
            if (report.text) out += indent(turn.after.text) + "\n";
        }
        out += "\n";
    }
    const auto sum = total(report.turns);
    if (report.turns.size() < report.all) {
        out += fmt::format("interrupted after {} of {} turns\n", report.turns.size(), report.all);
    }
    out += fmt::format(
        "{} turns with {}: {} the same, {} different, {} failed\n"
        "tokens before {} + {}, after {} + {}; cost before {}, after {}\n",
        report.turns.size(), report.asked, sum.same, sum.different, sum.failed, sum.before.input_tokens,
        sum.before.output_tokens, sum.after.input_tokens, sum.after.output_tokens,
        format_cost(sum.cost_before), format_cost(sum.cost_after));
    return out;
}

std::string turns_json(const TurnReport& report) {
    std::vector<std::string> turns;
    for (const auto& turn : report.turns) {
        JsonObject item;
        item.text("shop", turn.shop)
            .id("conversation", turn.conversation)
            .id("turn", turn.turn)
            .time("created_ms", turn.created)
            .number("agent_version", turn.agent_version)
            .raw("before", answer_json(turn.before, report.text));
        if (report.text) item.text("question", turn.question);
        if (turn.failed) {
            item.raw("failed",
                     JsonObject().text("code", turn.failed->code).text("text", turn.failed->text).str());
        } else {
            item.raw("after", answer_json(turn.after, report.text))
                .raw("differences", json_texts(turn.differences));
        }
        turns.push_back(item.str());
    }
    const auto sum = total(report.turns);
    const auto took = [](const Usage& usage, const Cost& cost) {
        return JsonObject()
            .number("input_tokens", usage.input_tokens)
            .number("output_tokens", usage.output_tokens)
            .raw("cost", cost_json(cost))
            .str();
    };
    const auto count = [](std::size_t n) { return static_cast<std::int64_t>(n); };
    return JsonObject()
        .text("asked", report.asked)
        .flag("complete", report.turns.size() == report.all)
        .raw("turns", json_array(turns))
        .raw("summary", JsonObject()
                            .number("same", count(sum.same))
                            .number("different", count(sum.different))
                            .number("failed", count(sum.failed))
                            .raw("before", took(sum.before, sum.cost_before))
                            .raw("after", took(sum.after, sum.cost_after))
                            .str())
        .str();
}

}  // namespace relevo
