#include "postgres/timers_source.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <map>
#include <optional>

#include "core/json_object.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "domain/timer_codec.hpp"
#include "postgres/json.hpp"

namespace relevo {

namespace asio = boost::asio;

namespace {

// Of one poll: what a worker publishes within a fraction of the lease.
constexpr int most_timers = 200;
// A greater number would tell whoever scales by it no more, and cost more to count.
constexpr int most_counted = 10'000;
// After a fault the database is asked less often.
constexpr Millis fault_pause{1'000};

// It is a figure for people, and reads thousands of rows.
constexpr Millis count_pause{1'000};

// Two sources that start in the same millisecond differ too.
Offset first_offset(const Clock& clock) {
    constexpr std::int64_t in_millisecond = 1'000'000;
    const auto drawn = static_cast<std::int64_t>(SystemRandom().uniform() * in_millisecond);
    return {to_millis(clock.now()) * in_millisecond + drawn};
}

struct TimerRow {
    Record record;
    std::string value;
};

Record parse_record(const Json& row) {
    const Json headers = row["headers"];
    Record record{row.text("topic"), row.text("key"), row.text("value"), {}};
    record.headers.id = headers.text("id");
    record.headers.type = headers.text("type");
    record.headers.source = headers.text("source");
    record.headers.subject = headers.text("subject");
    record.headers.traceparent = headers.text("traceparent");
    record.headers.installation = headers.text("installation");
    if (!headers["time"].null()) record.headers.time = headers.time("time");
    if (!headers["expires"].null()) record.headers.expires = headers.time("expires");
    return record;
}

}  // namespace

TimersSource::TimersSource(asio::any_io_executor executor, Database& database, const Clock& clock,
                           Millis poll, Millis lease, Millis patience)
    : database_(database),
      clock_(clock),
      poll_(poll),
      lease_(lease),
      patience_(patience),
      waiting_(executor),
      hurry_(std::move(executor)),
      next_offset_(first_offset(clock)) {}

Task<SourceEvent> TimersSource::next(bool want_records, Millis wait) {
    if (!assigned_) {
        assigned_ = true;
        co_return Assigned{{0}};
    }
    const bool poll = want_records && clock_.now() >= next_poll_;
    Fetched due;
    const auto fault = co_await ask(look(poll, due.records));
    if (fault) log_warn("timers.unavailable", {{"text", *fault}});
    if (!due.records.empty()) {  // leased: whatever failed afterwards, nobody else wakes them
        next_poll_ = {};         // there may be more
        co_return std::move(due);
    }
    if (fault) {
        next_poll_ = clock_.now() + fault_pause;
    } else if (poll) {
        co_return ReachedEnd{0};
    }
    const Millis until_poll = want_records ? next_poll_ - clock_.now() : wait;
    co_await pause(std::clamp(until_poll, Millis{0}, wait));
    co_return Idle{};
}

Task<void> TimersSource::look(bool poll, std::vector<Envelope>& due) {
    co_await delete_committed();
    if (!poll) co_return;
    next_poll_ = clock_.now() + poll_;
    due = co_await lease_due();
    if (due.size() < most_timers) {
        behind_ = 0;
    } else if (clock_.now() >= next_count_) {
        co_await count_due();
    }
}

// Gives the fault, if there was one. Whoever wakes us may be about to stop: then a database that does not
// answer is left alone after `patience`, as leases run out by themselves.
Task<std::optional<std::string>> TimersSource::ask(Task<void> work, bool in_hurry) {
    std::optional<std::string> fault;
    asking_ = true;
    if (in_hurry) hurry();
    try {
        co_await asio::co_spawn(waiting_.get_executor(), std::move(work),
                                asio::bind_cancellation_slot(cut_.slot(), asio::use_awaitable));
    } catch (const Failure& failure) {
        fault = failure.what();
    } catch (const boost::system::system_error& error) {
        if (!hurried_) throw;
        fault = "no answer while the process wants to go on";
    }
    asking_ = false;
    hurried_ = false;
    hurry_.cancel();
    co_return fault;
}

void TimersSource::hurry() {
    if (!asking_ || hurried_) return;
    hurried_ = true;
    hurry_.expires_after(patience_);
    hurry_.async_wait([this](boost::system::error_code cancelled) {
        if (!cancelled && hurried_) cut_.emit(asio::cancellation_type::terminal);
    });
}

Task<void> TimersSource::pause(Millis wait) {
    if (!woken_) {
        boost::system::error_code cancelled;
        waiting_.expires_after(wait);
        co_await waiting_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
    woken_ = false;
}

void TimersSource::wake() {
    woken_ = true;  // also where `next` is not waiting yet
    waiting_.cancel();
    hurry();
}

Task<std::vector<Envelope>> TimersSource::lease_due() {
    std::string request = JsonObject()
                              .time("now", clock_.now())
                              .number("lease_ms", lease_.count())
                              .number("limit", most_timers)
                              .str();
    const std::string leased = co_await database_.call("lease_timers", TenantId{}, std::move(request));
    const std::vector<Json> rows = Json::parse(leased).items();
    std::map<TenantId, std::vector<std::string>> ids;
    for (const auto& row : rows) {
        ids[{row.number("tenant")}].push_back(json_text(row.text("id")));
    }
    std::vector<std::pair<TenantId, std::string>> reads;
    for (const auto& [tenant, of_tenant] : ids) {
        reads.emplace_back(tenant, JsonObject().raw("ids", json_array(of_tenant)).str());
    }
    std::vector<TenantId> tenants;
    for (const auto& [tenant, read] : reads) tenants.push_back(tenant);
    std::vector<std::string> found = co_await database_.call_all("read_timers", std::move(reads));
    std::vector<Envelope> due;
    for (std::size_t i = 0; i < found.size(); ++i) {
        for (const auto& row : Json::parse(std::move(found[i])).items()) {
            const Record record = parse_record(row);
            auto owner = std::make_shared<TimerRow>(TimerRow{record, encode_timer(record)});
            Envelope envelope;
            envelope.topic = "timers";
            envelope.offset = next_offset_;
            envelope.appended = clock_.now();
            envelope.key = owner->record.key;
            envelope.value = owner->value;
            envelope.headers = views_of(owner->record.headers);
            envelope.owner = std::move(owner);
            leased_.push_back(
                {tenants[i], row.text("id"), row.number("life"), row.number("parks"), next_offset_});
            ++next_offset_.value;
            due.push_back(std::move(envelope));
        }
    }
    co_return due;
}

Task<void> TimersSource::count_due() {
    next_count_ = clock_.now() + count_pause;
    std::string request = JsonObject().time("now", clock_.now()).number("most", most_counted).str();
    const std::string count = co_await database_.call("count_due_timers", TenantId{}, std::move(request));
    behind_ = Json::parse(count).number();
}

void TimersSource::commit(std::span<const Commit> commits) {
    for (const auto& commit : commits) {
        while (!leased_.empty() && leased_.front().offset < commit.next) {
            to_delete_.push_back(std::move(leased_.front()));
            leased_.pop_front();
        }
    }
}

Task<void> TimersSource::delete_committed() {
    if (to_delete_.empty()) co_return;
    std::map<TenantId, std::vector<std::string>> woken;
    for (const auto& row : to_delete_) {
        woken[row.tenant].push_back(
            JsonObject().text("id", row.id).number("life", row.life).number("parks", row.parks).str());
    }
    const std::size_t count = to_delete_.size();
    std::vector<std::pair<TenantId, std::string>> requests;
    for (const auto& [tenant, rows] : woken) {
        requests.emplace_back(tenant, JsonObject().raw("woken", json_array(rows)).str());
    }
    co_await database_.call_all("settle_timers", std::move(requests));
    to_delete_.erase(to_delete_.begin(), to_delete_.begin() + static_cast<std::ptrdiff_t>(count));
}

Task<void> TimersSource::release(Revoked, std::vector<Commit> commits) {
    commit(commits);
    const auto fault = co_await ask(delete_committed(), true);
    // what stays is woken again, and then found done
    if (fault) log_warn("timers.unavailable", {{"text", *fault}});
    leased_.clear();
}

Task<void> TimersSource::close(std::vector<Commit> commits) {
    return release({}, std::move(commits));
}

}  // namespace relevo
