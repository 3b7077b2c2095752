#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/moments.hpp"
#include "domain/money_json.hpp"

namespace relevo {
namespace {

struct UsageOptions {
    std::string tenant, since, by;
};

std::string line_json(const UsageLine& line, const std::string& by) {
    JsonObject out;
    out.text("shop", line.shop);
    if (!by.empty()) out.text(by, line.key);
    add_usage(out, line);
    return out.str();
}

std::string table(const std::vector<UsageLine>& lines, const std::string& by) {
    std::size_t shop = 4, key = by.size();
    for (const auto& line : lines) {
        shop = std::max(shop, line.shop.size());
        key = std::max(key, line.key.size());
    }
    const auto row = [&](std::string_view name, std::string_view of, std::string_view calls,
                         std::string_view input, std::string_view output, std::string_view cost) {
        return fmt::format("{:<{}}  {:<{}}{}{:>10}  {:>14}  {:>14}  {}\n", name, shop, of, key,
                           by.empty() ? "" : "  ", calls, input, output, cost);
    };
    std::string out = row("shop", by, "calls", "tokens in", "tokens out", "cost");
    Cost all;
    std::int64_t lost = 0, estimated = 0;
    for (const auto& line : lines) {
        out += row(line.shop, line.key, human_count(line.calls), human_count(line.input_tokens),
                   human_count(line.output_tokens), format_cost(line.cost));
        all += line.cost;
        lost += line.lost;
        estimated += line.estimated;
    }
    if (lines.size() > 1) out += fmt::format("in all: {}\n", format_cost(all));
    if (estimated > 0)
        out += fmt::format("of {} calls the provider told no tokens: they are estimates\n", estimated);
    if (lost > 0) out += fmt::format("of {} calls nobody told the end: each may have been billed\n", lost);
    if (!all.known()) out += "what is not known has no price: relevo prices apply FILE\n";
    return out;
}

int show(const Commands& commands, const UsageOptions& options) {
    UsageRequest request{options.tenant, std::nullopt, options.by};
    if (!options.since.empty()) request.since = parse_moment(options.since, commands.backend().now());
    const auto lines = commands.backend().usage(commands.config())->usage(request);
    if (commands.json()) {
        std::vector<std::string> items;
        for (const auto& line : lines) items.push_back(line_json(line, options.by));
        fmt::print("{}\n", json_array(items));
    } else if (lines.empty()) {
        fmt::print("no model was asked\n");
    } else {
        fmt::print("{}", table(lines, options.by));
    }
    return 0;
}

}  // namespace

void add_usage(Commands& commands) {
    auto options = std::make_shared<UsageOptions>();
    auto* usage = commands.add(commands.root(), "usage", "What models were asked, and what it cost",
                               "usage --since 30d --by agent",
                               [&commands, options] { return show(commands, *options); });
    usage->add_option("--tenant", options->tenant, "The shop with this slug only");
    usage->add_option("--since", options->since, "Not older: a time (UTC) or 24h");
    usage->add_option("--by", options->by, "A line for each")
        ->check(CLI::IsMember({"agent", "conversation", "model", "day"}));
    commands.takes_json(usage);
}

}  // namespace relevo
