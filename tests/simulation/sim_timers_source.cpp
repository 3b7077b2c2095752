#include <algorithm>
#include <boost/asio/post.hpp>

#include "domain/timer_codec.hpp"
#include "runtime/pipeline.hpp"
#include "tests/simulation/sim_stores.hpp"

namespace relevo {
namespace {

constexpr Millis lease{60'000};
constexpr Millis poll{1'000};

struct TimerRow {
    Record record;
    std::string value;
};

}  // namespace

Task<SourceEvent> SimTimersSource::next(bool want_records, Millis wait) {
    if (!assigned_) {
        assigned_ = true;
        co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
        co_return Assigned{{0}};
    }
    Fetched due;
    const SysTime now = clock_.now();
    std::vector<std::pair<SysTime, TimerId>> in_order;
    for (const auto& [id, row] : database_.timers) {
        if (want_records && row.timer.due <= now && row.leased_until <= now)
            in_order.emplace_back(row.timer.due, id);
    }
    std::sort(in_order.begin(), in_order.end());
    for (const auto& [when, id] : in_order) {
        SimTimer& row = database_.timers.at(id);
        if (faults_->happens(faults_->rates().store_refuses)) continue;
        database_.begin(now);
        row.leased_until = now + lease;
        const Record& record = row.timer.record;
        auto owner = std::make_shared<TimerRow>(TimerRow{record, encode_timer(record)});
        Envelope envelope;
        envelope.topic = timers_input;
        envelope.offset = Offset{next_offset_++};
        envelope.appended = now;
        envelope.key = owner->record.key;
        envelope.value = owner->value;
        envelope.headers = views_of(owner->record.headers);
        envelope.owner = std::move(owner);
        leased_.push_back({id, row.life, row.parks, envelope.offset});
        due.records.push_back(std::move(envelope));
    }
    if (!due.records.empty()) {
        co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
        co_return std::move(due);
    }
    co_await alarm_.wait_until(faults_->clock().now() + std::min(wait, poll));
    co_return Idle{};
}

void SimTimersSource::commit(std::span<const Commit> commits) {
    for (const auto& commit : commits) {
        std::erase_if(leased_, [&](const Leased& leased) {
            if (!(leased.offset < commit.next)) return false;
            if (faults_->happens(faults_->rates().store_refuses)) return true;  // woken again, and found done
            const auto row = database_.timers.find(leased.id);
            // parked again meanwhile, or woken by another and parked anew: that is another wait
            if (row != database_.timers.end() && row->second.life == leased.life &&
                row->second.parks == leased.parks)
                database_.timers.erase(row);
            return true;
        });
    }
}

Task<void> SimTimersSource::release(Revoked, std::vector<Commit> commits) {
    commit(commits);
    co_return;
}

Task<void> SimTimersSource::close(std::vector<Commit> commits) {
    return release({}, std::move(commits));
}

}  // namespace relevo
