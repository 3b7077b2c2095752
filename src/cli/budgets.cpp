#include <fmt/ranges.h>

#include "cli/commands.hpp"
#include "cli/moments.hpp"
#include "domain/money_json.hpp"

namespace relevo {
namespace {

struct BudgetOptions {
    BudgetSpec budget;
    std::string hard, soft;
};

Failure refused(std::string text) {
    return Failure({Fault::permanent, "usage.invalid", std::move(text)});
}

std::optional<std::int64_t> amount(const std::string& option, const std::string& text) {
    if (text.empty()) return std::nullopt;
    if (const auto micros = parse_micros(text)) return micros;
    throw refused(fmt::format("{}: '{}' is no amount; write 50 or 0.25", option, text));
}

JsonObject limits_json(const BudgetSpec& budget) {
    JsonObject out;
    out.text("shop", budget.shop).text_if_any("agent", budget.agent);
    add_limits(out, budget);
    return out;
}

std::string unpriced_text(const std::vector<ModelName>& models, std::string_view currency) {
    std::vector<std::string> names;
    for (const auto& it : models) {
        names.push_back(it.provider + " " + it.model);
        if (!it.base_url.empty()) names.back() += " at " + it.base_url;
    }
    return fmt::format(
        "no price in {} is known of {}: under the hard limit that will not be asked; state a price with "
        "relevo prices apply FILE",
        currency, fmt::join(names, ", "));
}

int set(const Commands& commands, const BudgetOptions& options) {
    BudgetSpec budget = options.budget;
    budget.hard = amount("--hard", options.hard);
    budget.soft = amount("--soft", options.soft);
    if (!budget.hard && !budget.soft) throw refused("a budget has a --hard limit, a --soft one or both");
    if (budget.hard && budget.soft && *budget.soft > *budget.hard)
        throw refused("--soft is above --hard, so that it would never be reached; state at most that");
    const Backend& backend = commands.backend();
    const Config config = commands.config();
    const auto book = backend.money(config);
    budget.currency = book->prices().currency;
    if (budget.currency.empty()) {
        throw Failure({Fault::permanent, "budget.no_prices",
                       "there are no prices, so that no call could be counted: relevo prices apply FILE"});
    }
    const auto unpriced = backend.agent_means(config).billed(book->set_budget(budget, backend.now()));
    if (commands.json()) fmt::print("{}\n", limits_json(budget).raw("unpriced", models_json(unpriced)).str());
    if (!unpriced.empty()) fmt::print(stderr, "warning: {}\n", unpriced_text(unpriced, budget.currency));
    return 0;
}

int remove(const Commands& commands, const BudgetOptions& options) {
    if (commands.backend().money(commands.config())->remove_budget(options.budget)) return 0;
    fmt::print(stderr, "{} has no such budget; relevo budgets list shows those that there are\n",
               options.budget.shop);
    return 1;
}

std::string budget_json(const BudgetLine& line) {
    JsonObject out = limits_json(line.budget);
    out.time("from_ms", line.from).time("until_ms", line.until);
    add_spent(out, line);
    return out.raw("unpriced", models_json(line.unpriced)).str();
}

std::string limit(std::string_view name, std::optional<std::int64_t> micros) {
    return micros ? fmt::format(", {} {}", name, format_micros(*micros)) : std::string();
}

std::string budget_text(const BudgetLine& line) {
    const BudgetSpec& budget = line.budget;
    std::string out = fmt::format(
        "{}{} {}: {} {} spent{}{}{}, until {}\n", budget.shop, budget.agent.empty() ? "" : " " + budget.agent,
        budget.period, format_micros(line.spent), budget.currency,
        line.reserved ? " and " + format_micros(line.reserved) + " reserved" : "",
        limit("hard limit", budget.hard), limit("soft limit", budget.soft), to_iso8601(line.until));
    const auto told = [&](const char* kind, const char* what) {
        const auto found = line.events.find(kind);
        if (found != line.events.end())
            out += fmt::format("  {}\n", fmt::format(fmt::runtime(what), found->second));
    };
    told("soft", "the soft limit is reached");
    told("exhausted", "{} calls were refused: it had no room for them");
    told("unpriced", "{} calls were refused: no price of their model is known");
    if (!line.unpriced.empty()) out += fmt::format("  {}\n", unpriced_text(line.unpriced, budget.currency));
    return out;
}

int list(const Commands& commands, const std::string& tenant) {
    const Backend& backend = commands.backend();
    const Config config = commands.config();
    const AgentMeans means = backend.agent_means(config);
    auto lines = backend.usage(config)->budgets(tenant, backend.now());
    std::vector<std::string> items;
    for (auto& line : lines) {
        line.unpriced = means.billed(std::move(line.unpriced));
        items.push_back(budget_json(line));
        if (!commands.json()) fmt::print("{}", budget_text(line));
    }
    if (commands.json()) fmt::print("{}\n", json_array(items));
    if (!commands.json() && lines.empty()) fmt::print("no shop has a budget\n");
    return 0;
}

}  // namespace

void add_budgets(Commands& commands) {
    auto options = std::make_shared<BudgetOptions>();
    auto* group = commands.add_group("budgets", "What shops and agents may spend on models");
    auto* setting = commands.add(
        *group, "set",
        "A limit for each day or month of the shop's time zone. What a call may cost at most is reserved "
        "before it; under a hard limit a model without a price is not asked",
        "budgets set myshop month --hard 50 --soft 40",
        [&commands, options] { return set(commands, *options); });
    setting->add_option("--hard", options->hard, "No call that could cross it; in the prices' currency");
    setting->add_option("--soft", options->soft, "Tell once when it is reached");
    auto* removing = commands.add(*group, "remove", "Spend without that limit", "budgets remove myshop month",
                                  [&commands, options] { return remove(commands, *options); });
    commands.takes_json(setting);
    for (auto* command : {setting, removing}) {
        command->add_option("shop", options->budget.shop, "Its slug")->required();
        command->add_option("period", options->budget.period, "Of the limit")
            ->required()
            ->check(CLI::IsMember({"day", "month"}));
        command->add_option("--agent", options->budget.agent, "Only this agent's calls, by its name");
    }
    auto* listing = commands.add(*group, "list", "What is spent of each", "budgets list",
                                 [&commands, options] { return list(commands, options->budget.shop); });
    listing->add_option("--tenant", options->budget.shop, "The shop with this slug only");
    commands.takes_json(listing);
}

}  // namespace relevo
