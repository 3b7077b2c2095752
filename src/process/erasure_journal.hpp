#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kafka/settings.hpp"
#include "postgres/persons.hpp"
#include "vault/master_keys.hpp"

namespace relevo {

/// The erasures as the log keeps them for ever, so that a database that is restored from a backup learns of
/// those that it does not know. Marks only; with the key that made them, sealed by the master key, because
/// the backup may be older than that. Blocks. Throws Failure "kafka.unavailable" (transient).
class ErasureJournal {
  public:
    ErasureJournal(KafkaSettings settings, std::shared_ptr<MasterKeys> masters, std::string installation,
                   Millis deadline)
        : settings_(std::move(settings)),
          masters_(std::move(masters)),
          installation_(std::move(installation)),
          deadline_(deadline) {}

    /// On the brokers when it returns.
    void write(const ErasureNote& note, const Secret& key) const;

    struct Entry {
        ErasureNote note;
        Secret key;  ///< empty where a master key sealed it that is gone
    };
    /// Each erasure once, as it was written last.
    std::vector<Entry> read() const;

  private:
    KafkaSettings settings_;
    std::shared_ptr<MasterKeys> masters_;
    std::string installation_;
    Millis deadline_;
};

}  // namespace relevo
