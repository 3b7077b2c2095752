#include "cli/price_file.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "cli/moments.hpp"
#include "runtime/yaml_fields.hpp"

namespace relevo {
namespace {

using namespace yaml;

constexpr std::int64_t dearest = 10'000'000 * micros_per_unit;  // as the table of prices wants it

std::int64_t amount(const YAML::Node& node) {
    const auto micros = node.IsScalar() ? parse_micros(node.Scalar()) : std::nullopt;
    if (!micros || *micros > dearest) {
        refuse(node, "expected an amount for a million tokens as 0.15: at most six digits behind the point");
    }
    return *micros;
}

SysTime moment(const YAML::Node& node) {
    try {
        return parse_moment(text(node), {});
    } catch (const Failure& failure) {
        refuse(node, failure.error().text);
    }
}

std::string currency_code(const YAML::Node& node) {
    const std::string code = text(node);
    const bool letters = code.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos;
    if (code.size() != 3 || !letters) refuse(node, "expected a currency's code as USD");
    return code;
}

std::string model_name(const YAML::Node& node) {
    std::string name = any_text(node);
    if (name.substr(0, name.size() - 1).find('*') != std::string::npos)
        refuse(node, "a * stands at the end of a name, and nowhere else");
    return name;
}

Price read_price(const YAML::Node& node, const std::vector<std::string>& providers) {
    Price price;
    std::optional<std::int64_t> cached;
    read(node,
         {{"provider",
           [&](const auto& n) {
               price.provider = text(n);
               if (std::ranges::find(providers, price.provider) == providers.end()) {
                   refuse(n, fmt::format("'{}' is no provider; known: {}", price.provider,
                                         fmt::join(providers, ", ")));
               }
           }},
          {"base_url",
           [&](const auto& n) {
               price.base_url = text(n);
               while (price.base_url.ends_with('/')) price.base_url.pop_back();
           }},
          {"model", [&](const auto& n) { price.model = model_name(n); }},
          {"from", [&](const auto& n) { price.from = moment(n); }},
          {"until", [&](const auto& n) { price.until = moment(n); }},
          {"input", [&](const auto& n) { price.input = amount(n); }},
          {"cached_input", [&](const auto& n) { cached = amount(n); }},
          {"output", [&](const auto& n) { price.output = amount(n); }}},
         {"provider", "model", "input", "output"});
    price.cached_input = cached.value_or(price.input);
    if (price.until && *price.until <= price.from) refuse(node, "it ends before it begins");
    return price;
}

PriceList read_prices(const YAML::Node& root, const std::vector<std::string>& providers) {
    PriceList list;
    const auto prices = [&](const YAML::Node& node) {
        if (!node.IsSequence()) refuse(node, "expected a list of prices");
        std::set<std::tuple<std::string, std::string, std::string, SysTime>> known;
        for (const auto& entry : node) {
            const Price price = read_price(entry, providers);
            if (!known.emplace(price.provider, price.base_url, price.model, price.from).second)
                refuse(entry, "the same model and moment are there twice");
            list.prices.push_back(price);
        }
    };
    read(root, {{"currency", [&](const auto& n) { list.currency = currency_code(n); }}, {"prices", prices}},
         {"currency", "prices"});
    return list;
}

}  // namespace

Result<PriceList> load_prices(const std::filesystem::path& file, const std::vector<std::string>& providers) {
    return load<PriceList>(file, "prices.invalid",
                           [&](const YAML::Node& root) { return read_prices(root, providers); });
}

}  // namespace relevo
