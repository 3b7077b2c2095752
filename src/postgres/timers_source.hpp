#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>

#include "core/clock.hpp"
#include "postgres/database.hpp"
#include "runtime/source.hpp"

namespace relevo {

/// The due rows of `timers` as a topic of one partition, "timers", whose values decode_timer reads. Offsets
/// count from zero in each process: what is not committed comes again when its lease ends, in whichever
/// process asks first. A database that is away looks like an empty topic.
class TimersSource final : public Source {
  public:
    /// `poll` is how often due rows are asked for, `lease` how long another process leaves ours alone.
    TimersSource(boost::asio::any_io_executor executor, Database& database, const Clock& clock,
                 Millis poll = Millis{300}, Millis lease = Millis{60'000});

    Task<SourceEvent> next(bool want_records, Millis wait) override;
    void wake() override;
    void commit(std::span<const Commit> commits) override;
    Task<void> release(Revoked revoked, std::vector<Commit> commits) override;
    Task<void> close(std::vector<Commit> commits) override;
    std::int64_t behind() const override { return 0; }

  private:
    struct Leased {
        TenantId tenant;
        std::string id;
        std::int64_t parks;
        Offset offset;
    };

    Task<std::vector<Envelope>> lease_due();
    Task<void> delete_committed();
    Task<void> pause(Millis wait);

    Database& database_;
    const Clock& clock_;
    const Millis poll_;
    const Millis lease_;
    boost::asio::steady_timer waiting_;
    bool assigned_ = false;
    bool woken_ = false;
    SysTime next_poll_{};
    Offset next_offset_;
    std::deque<Leased> leased_;      // handed out, by rising offset
    std::vector<Leased> to_delete_;  // committed, not deleted yet
};

}  // namespace relevo
