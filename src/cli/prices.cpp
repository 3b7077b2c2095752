#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/price_file.hpp"
#include "domain/money_json.hpp"

namespace relevo {
namespace {

std::string prices_json(const PriceList& list) {
    std::vector<std::string> items;
    for (const auto& price : list.prices) {
        JsonObject item;
        item.text("provider", price.provider)
            .text_if_any("base_url", price.base_url)
            .text("model", price.model);
        add_amounts(item, price);
        if (price.from != SysTime{}) item.time("from_ms", price.from);
        items.push_back(item.time("until_ms", price.until).str());
    }
    return JsonObject().text("currency", list.currency).raw("items", json_array(items)).str();
}

std::string day_of(SysTime moment) {
    return to_iso8601(moment).substr(0, 16);
}

std::string prices_table(const PriceList& list) {
    if (list.prices.empty()) return "there are no prices: what calls cost is not known\n";
    std::string out = fmt::format("{} for a million tokens\n{:<10} {:<28} {:>10} {:>10} {:>10}\n",
                                  list.currency, "provider", "model", "input", "cached", "output");
    for (const auto& price : list.prices) {
        out += fmt::format("{:<10} {:<28} {:>10} {:>10} {:>10}", price.provider, price.model,
                           format_micros(price.input), format_micros(price.cached_input),
                           format_micros(price.output));
        if (!price.base_url.empty()) out += " at " + price.base_url;
        if (price.from != SysTime{}) out += " from " + day_of(price.from);
        if (price.until) out += " until " + day_of(*price.until);
        out += '\n';
    }
    return out;
}

bool has(const PriceList& list, const Price& price) {
    return std::ranges::find(list.prices, price) != list.prices.end();
}

int apply_prices(const Commands& commands, const std::string& file) {
    const Backend& backend = commands.backend();
    const Config config = commands.config();
    const PriceList list = load_prices(file, backend.agent_means(config).provider_names()).value();
    const auto book = backend.money(config);
    const PriceList before = book->prices();
    book->apply_prices(list);
    const bool same_currency = before.currency == list.currency;
    const auto kept = std::ranges::count_if(
        list.prices, [&](const auto& price) { return same_currency && has(before, price); });
    fmt::print("{}: {} prices, {} of them as before; {} gone\n", file, list.prices.size(), kept,
               static_cast<std::int64_t>(before.prices.size()) - kept);
    if (!before.prices.empty() && !same_currency) {
        fmt::print(stderr, "{} is the currency now: set the budgets in {} again, no call counts in them\n",
                   list.currency, before.currency);
    }
    return 0;
}

int list(const Commands& commands) {
    const PriceList prices = commands.backend().money(commands.config())->prices();
    fmt::print("{}", commands.json() ? prices_json(prices) + "\n" : prices_table(prices));
    return 0;
}

}  // namespace

void add_prices(Commands& commands) {
    auto file = std::make_shared<std::string>();
    auto* group = commands.add_group("prices", "What the models' tokens cost");
    auto* applying =
        commands.add(*group, "apply", "The file's prices, and no others, are what calls cost from now on",
                     "prices apply prices.yaml", [&commands, file] { return apply_prices(commands, *file); });
    applying
        ->add_option(
            "file", *file,
            "YAML: currency, and prices: a list of {provider, model, input, output}, for a million tokens; "
            "cached_input, base_url, from and until may be stated, and model may end with a *")
        ->required()
        ->check(CLI::ExistingFile);
    commands.takes_json(commands.add(*group, "list", "The prices that there are", "prices list",
                                     [&commands] { return list(commands); }));
}

}  // namespace relevo
