#include "process/gathers.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <utility>

#include "kafka/problems.hpp"

namespace relevo {
namespace {

Task<void> told() {
    co_return;
}

Gather gather_kafka_problems() {
    return [seen = std::map<std::string, std::uint64_t>()](Metrics& metrics) mutable {
        for (const auto& [name, total] : kafka_problems()) {
            metrics.count("kafka_errors", "Errors that librdkafka reported, by its name of them", "code",
                          name, static_cast<double>(total - std::exchange(seen[name], total)));
        }
        return told();
    };
}

Gather gather_pool(const Database& database) {
    return [&database](Metrics& metrics) {
        metrics.set("database_waiting_calls", "Calls that wait for a connection to PostgreSQL", {},
                    static_cast<double>(database.waiting()));
        return told();
    };
}

Gather gather_breakers(DeliveryMetrics& delivery, const Clock& clock) {
    return [&delivery, &clock](Metrics&) {
        delivery.forget_unasked(clock.now());
        return told();
    };
}

// The second figure of statm: https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html
double resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    double all = 0;
    double resident = 0;
    statm >> all >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

Gather gather_process() {
    return [](Metrics& metrics) {
        rusage usage{};
        ::getrusage(RUSAGE_SELF, &usage);
        metrics.set("process_resident_bytes", "Memory that the process holds", {}, resident_bytes());
        metrics.set("process_peak_resident_bytes", "The most that it has held", {},
                    static_cast<double>(usage.ru_maxrss) * 1'024);
        return told();
    };
}

}  // namespace

std::vector<Gather> make_gathers(Shared& shared, BacklogStore& backlog) {
    return {gather_growth("live_dropped", "Live events that nobody was told: Redis was away", "transport",
                          "redis", [&shared] { return shared.live.dropped(); }),
            gather_kafka_problems(),
            gather_pool(shared.database),
            gather_process(),
            gather_breakers(shared.delivery, shared.clock),
            gather_backlog(backlog, shared.clock)};
}

}  // namespace relevo
