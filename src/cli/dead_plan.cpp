#include "cli/dead_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "cli/moments.hpp"

namespace relevo {
namespace {

void sort_as_written(std::vector<Letter>& letters) {
    std::ranges::sort(letters, {},
                      [](const Letter& it) { return std::tuple(it.topic, it.partition, it.offset, it.id); });
}

}  // namespace

DeadPlan plan_retry(std::vector<Letter> selected, bool fresh_expiry, SysTime now) {
    DeadPlan plan;
    sort_as_written(selected);
    std::map<std::tuple<TenantId, std::string, std::string>, std::int64_t> taken;  // of a key, in its order
    for (auto& letter : selected) {
        std::int64_t& before = taken[{letter.tenant, letter.topic, letter.key}];
        if (letter.earlier > before) {
            plan.held_back.push_back(std::move(letter));
            continue;
        }
        ++before;
        if (!fresh_expiry && letter.expires && *letter.expires < now) ++plan.expired;
        plan.letters.push_back(std::move(letter));
    }
    return plan;
}

DeadPlan plan_drop(std::vector<Letter> selected) {
    sort_as_written(selected);
    return {std::move(selected), {}, 0};
}

std::string describe(const DeadPlan& plan, const std::string& verb) {
    std::map<std::tuple<std::string, std::string, std::string>, std::int64_t> groups;
    for (const auto& letter : plan.letters) {
        ++groups[{letter.stage, letter.code, letter.slug.empty() ? "no shop" : letter.slug}];
    }
    std::string out =
        fmt::format("{} {}{}\n", verb, human_count(static_cast<std::int64_t>(plan.letters.size())),
                    plan.letters.size() == 1 ? " dead letter" : " dead letters");
    for (const auto& [group, count] : groups) {
        out += fmt::format("  {:>9}  {:<9} {:<28} {}\n", human_count(count), std::get<0>(group),
                           std::get<1>(group), std::get<2>(group));
    }
    if (plan.expired > 0) {
        out += fmt::format(
            "  {} of them expired: they will be dropped as expired; --extend 1h lets them be answered\n",
            human_count(plan.expired));
    }
    for (std::size_t i = 0; i < plan.held_back.size() && i < 10; ++i) {
        const Letter& letter = plan.held_back[i];
        out += fmt::format(
            "  {} stays: {} earlier of its key {} dead too; retry or drop what relevo dead list --topic {} "
            "--key '{}' shows\n",
            letter.id, letter.earlier, letter.earlier == 1 ? "is" : "are", letter.topic, letter.key);
    }
    if (plan.held_back.size() > 10) out += fmt::format("  and {} more\n", plan.held_back.size() - 10);
    return out;
}

std::vector<DeadBatch> batches_of(const DeadPlan& plan, std::size_t most) {
    std::map<TenantId, std::vector<DeadBatch>> of_tenants;
    for (const auto& letter : plan.letters) {
        auto& batches = of_tenants[letter.tenant];
        if (batches.empty() || batches.back().ids.size() == most) batches.push_back({letter.tenant, {}});
        batches.back().ids.push_back(letter.id);
    }
    std::vector<DeadBatch> all;
    for (auto& [tenant, batches] : of_tenants) {
        for (auto& batch : batches) all.push_back(std::move(batch));
    }
    return all;
}

std::vector<RefusedLetter> hold_back(DeadBatch& batch, const DeadPlan& plan,
                                     const std::vector<RefusedLetter>& refused) {
    std::vector<RefusedLetter> held;
    if (refused.empty()) return held;
    std::set<std::int64_t> staying;
    for (const auto& letter : refused) staying.insert(letter.id);
    std::set<std::tuple<TenantId, std::string, std::string>> stuck;
    std::set<std::int64_t> behind;
    for (const auto& letter : plan.letters) {  // in their order
        const std::tuple line(letter.tenant, letter.topic, letter.key);
        if (staying.contains(letter.id)) stuck.insert(line);
        if (stuck.contains(line)) behind.insert(letter.id);
    }
    std::erase_if(batch.ids, [&](std::int64_t id) {
        if (!behind.contains(id)) return false;
        held.push_back({id, "an earlier one of its key stays"});
        return true;
    });
    return held;
}

}  // namespace relevo
