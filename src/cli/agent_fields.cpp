#include "cli/agent_fields.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "cli/shop_file.hpp"
#include "domain/prompt.hpp"

namespace relevo::yaml {
namespace {

// An answer waits for each of them in turn.
constexpr std::size_t most_fallbacks = 5;
constexpr std::size_t most_hours = 100;
constexpr std::size_t most_names = 50;

Reader integer(int& out, int least, int most) {
    return [&out, least, most](const YAML::Node& node) { out = number<int>(node, least, most); };
}

// Empty means the provider's own.
Reader web_address(std::string& out, const AgentMeans& means) {
    return [&out, &means](const YAML::Node& node) {
        out = any_text(node);
        // not what stands there: people write keys into addresses
        if (!out.empty() && !is_web_address(out)) {
            refuse(node, "expected a web address without a user, as https://api.example.com/v1");
        }
        if (out.empty()) return;
        if (const auto mistake = means.address_mistake(out); !mistake.empty()) refuse(node, mistake);
    };
}

Reader provider(std::string& out, const AgentMeans& means) {
    return [&out, &means](const YAML::Node& node) {
        const Names known = means.provider_names();
        one_of(out, known, "provider")(node);
    };
}

// Whether a human has the conversation then.
Reader ending(bool& hands_off) {
    return [&hands_off](const YAML::Node& node) {
        static const Names ends{"sentence", "handoff"};
        std::string end;
        one_of(end, ends, "end")(node);
        hands_off = end == "handoff";
    };
}

Reader names(Names& out, std::string_view what) {
    return [&out, what](const YAML::Node& node) {
        if (!node.IsSequence() || node.size() > most_names) {
            refuse(node, fmt::format("expected a list of at most {} {}", most_names, what));
        }
        Names all;
        for (const auto& item : node) {
            all.push_back(text(item));
            if (all.back().find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos)
                refuse(item, "expected a name of lower-case letters, digits and '_'");
        }
        out = std::move(all);
    };
}

std::string spans_of(const YAML::Node& node) {
    if (!node.IsSequence()) return text(node);
    std::string spans;
    for (const auto& item : node) spans += (spans.empty() ? "" : " ") + text(item);
    return spans;
}

Reader open_hours(std::vector<OpenHours>& out) {
    return [&out](const YAML::Node& node) {
        if (!node.IsMap()) refuse(node, "expected a map: days -> times, as mon-fri: \"09:00-18:00\"");
        std::vector<OpenHours> all;
        for (const auto& entry : node) {
            const auto hours = parse_open_hours(text(entry.first), spans_of(entry.second));
            if (!hours) refuse(entry.second, hours.error().text);
            all.insert(all.end(), hours->begin(), hours->end());
        }
        if (all.size() > most_hours)
            refuse(node, fmt::format("expected at most {} spans a week", most_hours));
        std::ranges::sort(all, {}, [](const OpenHours& it) { return std::pair(it.day, it.from); });
        out = std::move(all);
    };
}

FallbackSpec read_fallback(const YAML::Node& node, const AgentMeans& means) {
    FallbackSpec model;
    read(node,
         {{"provider", provider(model.provider, means)},
          {"base_url", web_address(model.base_url, means)},
          {"model", string(model.model)},
          {"credentials", string(model.credentials)}},
         {"provider"});
    return model;
}

Reader fallbacks(std::vector<FallbackSpec>& out, const AgentMeans& means) {
    return [&out, &means](const YAML::Node& node) {
        if (!node.IsSequence() || node.size() > most_fallbacks) {
            refuse(node, fmt::format("expected a list of at most {} models", most_fallbacks));
        }
        out.clear();
        for (const auto& model : node) out.push_back(read_fallback(model, means));
    };
}

}  // namespace

Reader string(std::string& out) {
    return [&out](const YAML::Node& node) { out = any_text(node); };
}

Reader one_of(std::string& out, const Names& known, std::string_view what) {
    return [&out, &known, what](const YAML::Node& node) {
        out = text(node);
        if (std::ranges::find(known, out) != known.end()) return;
        refuse(node, fmt::format("'{}' is no {}; known: {}", out, what, fmt::join(known, ", ")));
    };
}

Reader prompt_text(std::string& out) {
    return [&out](const YAML::Node& node) {
        out = any_text(node);
        const auto mistake = prompt_mistake(out);
        if (!mistake.empty()) refuse(node, mistake);
    };
}

Reader channel_names(Names& out, const AgentMeans& means) {
    return [&out, &means](const YAML::Node& node) {
        names(out, "channels")(node);
        const Names known(means.channels.begin(), means.channels.end());
        std::string name;
        for (const auto& item : node) one_of(name, known, "channel")(item);
    };
}

Fields agent_fields(AgentSpec& out, const AgentMeans& means) {
    return {{"name", string(out.name)},
            {"role", string(out.role)},
            {"provider", provider(out.provider, means)},
            {"fallbacks", fallbacks(out.fallbacks, means)},
            {"on_failure", ending(out.hands_off)},
            {"base_url", web_address(out.base_url, means)},
            {"model", string(out.model)},
            {"temperature", [&out](const YAML::Node& node) { out.temperature = number<double>(node, 0, 2); }},
            {"max_output_tokens", integer(out.max_output_tokens, 1, 100'000)},
            {"quiet_ms", integer(out.quiet_ms, 0, 120'000)},
            {"max_wait_ms", integer(out.max_wait_ms, 0, 120'000)},
            {"max_messages", integer(out.max_messages, 1, 1'000)},
            {"spacing_ms",
             [&out](const YAML::Node& node) {
                 out.spacing_ms.reset();  // null: as the channel has it
                 if (!node.IsNull()) out.spacing_ms = number<int>(node, 0, 60'000);
             }},
            {"tools", names(out.tools, "tools")},
            {"hours", open_hours(out.hours)},
            {"on_closed", ending(out.closed_hands_off)},
            {"closed_text", string(out.closed_text)}};
}

}  // namespace relevo::yaml
