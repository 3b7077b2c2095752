#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/burst_window.hpp"
#include "core/offset_tracker.hpp"
#include "core/record.hpp"

namespace relevo {

struct Assignment;

/// The records of one key, in their order; at most one piece of work at a time.
struct Lane;

using WorkRecords = std::vector<Envelope>;

/// What a lane hands out: one record, or a closed burst.
struct Work {
    std::shared_ptr<Assignment> assignment;
    Lane* lane = nullptr;  ///< valid until `done`
    WorkRecords records;
};

/// Which lane runs next. Pure: no I/O and no clock of its own. Lanes of one tenant wait in line; tenants take
/// turns, and none may hold more than its share of the running places.
class Lanes {
  public:
    enum class Policy { one, burst };
    struct Limits {
        std::size_t running = 256;             ///< pieces of work at the same time
        std::size_t running_per_tenant = 128;  ///< of these, for one tenant
        std::size_t records = 20'000;          ///< taken in and not done; above, the log waits
        std::size_t bytes = 64u << 20;         ///< as records, by size
    };

    Lanes(Policy policy, Limits limits);
    ~Lanes();
    Lanes(const Lanes&) = delete;
    Lanes& operator=(const Lanes&) = delete;

    /// A partition was assigned; its records follow.
    void assign(std::int32_t partition);
    /// It is about to be somebody else's: what waits is forgotten, what runs may still end and settle.
    void retire(std::int32_t partition);
    /// It is somebody else's: what waits is forgotten, what runs may end but settles nothing.
    void revoke(std::int32_t partition);
    /// Takes a record in. `window` counts for burst lanes.
    void add(Envelope record, const BurstPolicy& window = {});
    /// Everything up to now was read: from here on `now` tells the partition's time, until the next record.
    void reached_end(std::int32_t partition);
    /// Closes the windows whose time has come: by the log's time, or by `now` where the end was reached.
    void close_due(SysTime now);
    /// Closes the window that would close first, if there is one: at the cap.
    bool close_oldest();
    /// When close_due will have something to do, if no record comes: by the wall clock.
    std::optional<SysTime> next_close() const;

    /// The next piece of work, while there are free places.
    std::optional<Work> take();
    /// Its effects are durable: its offsets count as finished, unless the assignment is over.
    void settled(const Work& work);
    /// The lane may go on with the next piece, whether this one was settled or abandoned.
    void done(const Work& work);
    /// Not begun after all: it is its lane's next piece again. Instead of `done`; of work that is not over.
    void put_back(Work work);

    /// Whether the work's partition was revoked meanwhile.
    static bool is_over(const Work& work);

    struct Progress {
        std::int32_t partition;
        OffsetTracker& offsets;
    };
    std::vector<Progress> progress();

    std::size_t records() const { return records_; }  ///< taken in and not done
    std::size_t bytes() const { return bytes_; }      ///< their keys and values
    /// Whether more may be taken in.
    bool has_room() const { return records_ < limits_.records && bytes_ < limits_.bytes; }
    std::size_t running() const { return running_; }
    /// The running maximum of the append times of the partition that lags most; none before the first record.
    std::optional<SysTime> oldest_time() const;

  private:
    struct Tenant;
    using Tenants = boost::intrusive::list<Tenant, boost::intrusive::constant_time_size<false>>;

    void make_ready(Lane& lane);
    void close(Assignment& assignment, Lane& lane);
    void forget(std::size_t records, std::size_t bytes);
    Tenant& tenant_of(std::string_view key);
    void remove(Assignment& assignment, std::string_view key);

    Policy policy_;
    Limits limits_;
    std::unordered_map<std::int32_t, std::shared_ptr<Assignment>> assignments_;
    std::unordered_map<std::string_view, std::unique_ptr<Tenant>> tenants_;
    std::unique_ptr<Tenants> turns_;
    std::vector<std::unique_ptr<Lane>> spare_;  // ended ones, to be used again
    std::size_t records_ = 0;
    std::size_t bytes_ = 0;
    std::size_t running_ = 0;

    friend struct Lane;
};

}  // namespace relevo
