#include <algorithm>
#include <set>
#include <tuple>

#include "api/list.hpp"
#include "core/utf8.hpp"
#include "domain/money_json.hpp"

namespace relevo {
namespace {

std::string json_of(const Price& price) {
    JsonObject object;
    object.text("provider", price.provider).text_if_any("base_url", price.base_url);
    object.text("model", price.model);
    add_time(object, "from", price.from);
    add_time(object, "until", price.until);
    add_amounts(object, price);
    return object.str();
}

std::string json_of(const PriceList& list) {
    std::vector<std::string> items;
    for (const auto& price : list.prices) items.push_back(json_of(price));
    return JsonObject().text_if_any("currency", list.currency).raw("items", json_array(items)).str();
}

// Prices have servers as they are stored, without a slash at the end.
std::string server_of(std::string base_url) {
    while (base_url.ends_with('/')) base_url.pop_back();
    return base_url;
}

// The servers that the shop's published agents ask.
Task<std::set<std::string>> servers_of_shop(ApiCall& call) {
    std::set<std::string> servers;
    auto listed = call.stores.agents().list(call.tenant());
    for (const auto& line : co_await std::move(listed)) {
        auto asked = call.stores.agents().find(call.tenant(), line.id);
        const auto agent = co_await std::move(asked);
        if (!agent || !agent->published) continue;
        servers.insert(server_of(agent->published->base_url));
        for (const auto& it : agent->published->fallbacks) servers.insert(server_of(it.base_url));
    }
    co_return servers;
}

// A server with a price of its own is one shop's: others are not told of it.
Task<ApiResult> read(ApiCall& call) {
    auto asked = call.stores.billing().prices();
    auto list = co_await std::move(asked);
    const auto is_somebodys = [](const Price& price) { return !price.base_url.empty(); };
    if (!call.who->runs_installation() && std::ranges::any_of(list.prices, is_somebodys)) {
        auto looked = servers_of_shop(call);
        const auto servers = co_await std::move(looked);
        std::erase_if(list.prices, [&](const Price& price) {
            return is_somebodys(price) && !servers.contains(price.base_url);
        });
    }
    co_return entity(json_of(list));
}

// Or what is wrong with it.
std::variant<Price, Problem> price_of(const SentJson& sent, const std::string& pointer) {
    Price price;
    price.provider = sent.text("provider");
    // as they are stored: two that differ in nothing else are one
    price.base_url = server_of(clean_utf8(sent.text("base_url")));
    price.model = clean_utf8(sent.text("model"));
    const auto from = from_iso8601(sent.text("from"));
    if (!from) return bad_member(pointer + "/from", "there is no such moment");
    price.from = *from;
    if (const auto until = sent.text_if_any("until")) {
        price.until = from_iso8601(*until);
        if (!price.until || *price.until <= price.from)
            return bad_member(pointer + "/until", "must be a moment after `from`");
    }
    price.input = sent.whole_if_any("input_micros").value_or(0);
    price.cached_input = sent.whole_if_any("cached_input_micros").value_or(price.input);
    price.output = sent.whole_if_any("output_micros").value_or(0);
    return price;
}

Task<ApiResult> put(ApiCall& call) {
    PriceList wanted;
    std::set<std::tuple<std::string, std::string, std::string, SysTime>> known;
    wanted.currency = call.body.text("currency");
    for (const auto& sent : call.body.parts("items")) {
        const std::string pointer = "#/items/" + std::to_string(wanted.prices.size());
        auto price = price_of(sent, pointer);
        if (auto* problem = std::get_if<Problem>(&price)) co_return std::move(*problem);
        const Price& it = std::get<Price>(price);
        if (!known.emplace(it.provider, it.base_url, it.model, it.from).second)
            co_return bad_member(pointer, "the same model and moment are there twice");
        wanted.prices.push_back(it);
    }
    call.stores.hold();
    auto asked = call.stores.billing().prices();
    const auto before = co_await std::move(asked);
    if (auto problem = check_if_match(call, json_of(before))) co_return std::move(*problem);
    auto done = call.stores.billing().put_prices(std::move(wanted), call.actor());
    co_await std::move(done);
    auto read_back = read(call);
    co_return co_await std::move(read_back);
}

}  // namespace

void add_price_handlers(ApiHandlers& handlers) {
    handlers["read_prices"] = read;
    handlers["put_prices"] = put;
}

}  // namespace relevo
