#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "kafka/settings.hpp"
#include "runtime/sink.hpp"

namespace relevo {

/// An idempotent producer with acks=all. Used from one io_context's thread.
class KafkaSink final : public Sink {
  public:
    struct Limits {
        Millis delivery_timeout{30'000};  ///< then publish fails, and may be tried again
        Millis linger{1};  ///< how long a record waits for company: a request costs more than a record
        int max_queued = 100'000;  ///< records; beyond, publish fails at once
    };

    KafkaSink(boost::asio::any_io_executor executor, const KafkaSettings& settings, Limits limits);
    ~KafkaSink() override;

    void append(std::vector<Record> records, Appended appended) override;
    /// The first record of a producer can be a second late: fetches metadata and an id before it is needed.
    Task<void> warm_up(std::string topic);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace relevo
