#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "kafka/settings.hpp"
#include "runtime/source.hpp"

namespace relevo {

/// A member of a consumer group (KIP-848) that reads one topic. Assigned partitions change one by one;
/// records that are not asked for stay in librdkafka's bounded queue, then in the log.
class KafkaSource final : public Source {
  public:
    struct Limits {
        int queued_records = 20'000;  ///< prefetched, for all partitions
        int queued_kbytes = 32'768;
        std::size_t batch = 500;       ///< records of one Fetched
        Millis commit_timeout{1'500};  ///< of the last commit before partitions are given up
        Millis commit_again{1'000};    ///< how long a commit that failed rests
    };

    KafkaSource(boost::asio::any_io_executor executor, const KafkaSettings& settings, std::string group,
                std::string topic, Limits limits);
    ~KafkaSource() override;

    Task<SourceEvent> next(bool want_records, Millis wait) override;
    void wake() override;
    void commit(std::span<const Commit> commits) override;
    Task<void> release(Revoked revoked, std::vector<Commit> commits) override;
    Task<void> close(std::vector<Commit> commits) override;
    std::int64_t behind() const override;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// What is kept beside a committed offset: one past the last record handed to a lane. From it `relevo lag`
/// tells behind from held.
std::string encode_dispatched(Offset dispatched);
Offset decode_dispatched(std::string_view metadata, Offset committed);

}  // namespace relevo
