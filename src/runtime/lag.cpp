#include "runtime/lag.hpp"

#include <algorithm>

namespace relevo {
namespace {

std::int64_t unsettled(const PartitionLag& row) {
    return row.behind + row.held;
}

LagRow measure(const PartitionLag& row, SysTime at, const PartitionLag* earlier, SysTime earlier_at) {
    LagRow out{row};
    if (row.oldest) out.oldest_age = std::max(at - *row.oldest, Millis{0});
    if (unsettled(row) == 0) out.drains_in = Millis{0};
    const double seconds = std::chrono::duration<double>(at - earlier_at).count();
    if (!earlier || seconds <= 0) return out;
    // A group without an offset has settled nothing.
    const auto settled = [](const PartitionLag& it) { return std::max<std::int64_t>(it.committed, 0); };
    out.rate = std::max(0.0, static_cast<double>(settled(row) - settled(*earlier)) / seconds);
    const double shrinks = static_cast<double>(unsettled(*earlier) - unsettled(row)) / seconds;
    if (unsettled(row) > 0 && shrinks > 0) {
        out.drains_in =
            Millis{static_cast<std::int64_t>(1'000 * static_cast<double>(unsettled(row)) / shrinks)};
    }
    return out;
}

bool same(const PartitionLag& left, const PartitionLag& right) {
    return left.group == right.group && left.topic == right.topic && left.partition == right.partition;
}

std::vector<PartitionLag> sums(const std::vector<PartitionLag>& rows) {
    std::vector<PartitionLag> out;
    for (const auto& row : rows) {
        auto sum = std::find_if(out.begin(), out.end(), [&](const auto& it) {
            return it.group == row.group && it.topic == row.topic;
        });
        if (sum == out.end()) {
            out.push_back(row);
            out.back().partition = -1;
            continue;
        }
        if (row.committed >= 0) sum->committed = std::max<std::int64_t>(sum->committed, 0) + row.committed;
        sum->end += row.end;
        sum->behind += row.behind;
        sum->held += row.held;
        if (row.oldest) sum->oldest = std::min(sum->oldest.value_or(*row.oldest), *row.oldest);
    }
    return out;
}

}  // namespace

std::vector<LagRow> measure_lag(const LagSample& sample, const std::optional<LagSample>& before) {
    std::vector<LagRow> out;
    for (const auto& row : sample.rows) {
        const PartitionLag* earlier = nullptr;
        if (before) {
            const auto found = std::find_if(before->rows.begin(), before->rows.end(),
                                            [&](const auto& it) { return same(it, row); });
            if (found != before->rows.end()) earlier = &*found;
        }
        out.push_back(measure(row, sample.at, earlier, before ? before->at : sample.at));
    }
    return out;
}

std::vector<LagRow> by_group(const LagSample& sample, const std::optional<LagSample>& before) {
    std::optional<LagSample> earlier;
    if (before) earlier = LagSample{before->at, sums(before->rows)};
    return measure_lag({sample.at, sums(sample.rows)}, earlier);
}

}  // namespace relevo
