#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <optional>
#include <string>

#include "core/clock.hpp"
#include "postgres/database.hpp"
#include "runtime/source.hpp"

namespace relevo {

/// The due rows of `timers` as a topic of one partition, "timers", whose values decode_timer reads. Offsets
/// count from the time of each source's start, as a dead letter is known by its offset: what is not committed
/// comes again when its lease ends, in whichever process asks first. A database that is away looks like an
/// empty topic.
class TimersSource final : public Source {
  public:
    /// `poll` is how often due rows are asked for, `lease` how long another process leaves ours alone,
    /// `patience` how long the database may still take once we are woken or closed: a process that stops asks
    /// it twice.
    TimersSource(boost::asio::any_io_executor executor, Database& database, const Clock& clock,
                 Millis poll = Millis{300}, Millis lease = Millis{60'000}, Millis patience = Millis{1'000});

    Task<SourceEvent> next(bool want_records, Millis wait) override;
    void wake() override;
    void commit(std::span<const Commit> commits) override;
    Task<void> release(Revoked revoked, std::vector<Commit> commits) override;
    Task<void> close(std::vector<Commit> commits) override;
    /// Due rows that nobody had leased when we last asked, once a second at most; up to 10,000.
    std::int64_t behind() const override { return behind_; }

  private:
    struct Leased {
        TenantId tenant;
        std::string id;
        std::int64_t life;  // of the row: there may be a later one of this id
        std::int64_t parks;
        Offset offset;
    };

    Task<void> look(bool poll, std::vector<Envelope>& due);
    Task<std::vector<Envelope>> lease_due();
    Task<void> count_due();
    Task<void> delete_committed();
    Task<std::optional<std::string>> ask(Task<void> work, bool in_hurry = false);
    void hurry();
    Task<void> pause(Millis wait);

    Database& database_;
    const Clock& clock_;
    const Millis poll_;
    const Millis lease_;
    const Millis patience_;
    boost::asio::steady_timer waiting_;
    boost::asio::steady_timer hurry_;
    boost::asio::cancellation_signal cut_;  // of what the database is asked for
    bool asking_ = false;
    bool hurried_ = false;
    bool assigned_ = false;
    bool woken_ = false;
    SysTime next_poll_{};
    std::int64_t behind_ = 0;
    SysTime next_count_{};
    Offset next_offset_;
    std::deque<Leased> leased_;      // handed out, by rising offset
    std::vector<Leased> to_delete_;  // committed, not deleted yet
};

}  // namespace relevo
