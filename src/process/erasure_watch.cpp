#include "process/erasure_watch.hpp"

#include <optional>

#include "core/error.hpp"
#include "core/log.hpp"
#include "process/person_book.hpp"

namespace relevo {
namespace {

constexpr Millis every{600'000};
constexpr Millis try_again{10'000};
// whoever stops the process waits for as long at most
constexpr PersonLimits limits{Millis{10'000}, Millis{2'000}};

// Nothing where it was done.
std::optional<Error> apply(const Config& config) {
    try {
        const auto applied = make_person_book(config, {}, limits)->reapply();
        if (applied > 0) log_info("erasures.applied", {{"count", applied}});
        return std::nullopt;
    } catch (const Failure& failure) {
        return failure.error();
    }
}

void complain(const Error& error) {
    const std::string why = "a database that was restored may have people back that were erased";
    if (error.fault == Fault::transient) {
        log_warn("erasures.unknown", {{"code", error.code}, {"text", error.text}, {"meaning", why}});
    } else {
        log_error("erasures.unknown", {{"code", error.code}, {"text", error.text}, {"meaning", why}});
    }
}

}  // namespace

ErasureWatch::ErasureWatch(const Config& config) : thread_([this, &config] { run(config); }) {}

ErasureWatch::~ErasureWatch() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void ErasureWatch::wait_for_first(Millis longest) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, longest, [this] { return done_once_; });
}

void ErasureWatch::run(const Config& config) {
    std::string told;  // once for each cause
    for (;;) {
        const auto error = apply(config);
        if (error && error->code != told) complain(*error);
        told = error ? error->code : "";
        const bool soon = error && error->fault == Fault::transient;
        std::unique_lock lock(mutex_);
        done_once_ = done_once_ || !soon;
        changed_.notify_all();
        if (changed_.wait_for(lock, soon ? try_again : every, [this] { return stopping_; })) return;
    }
}

}  // namespace relevo
