#pragma once

#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "core/record.hpp"
#include "domain/live.hpp"
#include "domain/stage.hpp"
#include "domain/stores.hpp"
#include "tests/simulation/sim_clock.hpp"

namespace relevo {

/// A record as a stage would get it.
inline Envelope envelope_of(const Record& record, SysTime appended = from_millis(1'700'000'000'000)) {
    auto owner = std::make_shared<const Record>(record);
    Envelope out;
    out.topic = owner->topic;
    out.appended = appended;
    out.key = owner->key;
    out.value = owner->value;
    out.headers = views_of(owner->headers);
    out.owner = owner;
    return out;
}

/// Runs a task to its end; virtual time passes as fast as it must.
inline Outcome run_task(Task<Outcome> task, SimClock& clock) {
    SimLoop loop;
    std::optional<Outcome> outcome;
    std::exception_ptr failure;
    boost::asio::co_spawn(loop.executor(), std::move(task), [&](std::exception_ptr problem, Outcome result) {
        failure = problem;
        if (!problem) outcome = std::move(result);
    });
    while (!outcome && !failure) {
        if (loop.is_ready()) {
            loop.run_one();
        } else {
            clock.set(clock.next().value());
            clock.happen(0);
        }
    }
    if (failure) std::rethrow_exception(failure);
    return std::move(*outcome);
}

/// Runs a stage for these records.
inline Outcome run_stage(Stage& stage, const std::vector<Envelope>& records, SimClock& clock) {
    return run_task(stage.handle(records), clock);
}

/// Notes what was told.
struct RecordingLive final : Live {
    void publish(std::string_view channel, std::string payload) override {
        told.push_back(std::string(channel) + " " + payload);
    }
    std::unique_ptr<Subscription> subscribe(std::string, std::function<void(std::string_view)>) override {
        return std::make_unique<Subscription>();
    }
    std::vector<std::string> told;
};

struct FixedVault final : Vault {
    std::string sealed;  ///< with another master key
    Task<Secret> find(TenantId, std::string category, std::string name) override {
        if (category == sealed)
            throw Failure({Fault::permanent, "vault.sealed_otherwise", category + " does not open"});
        co_return Secret(category + "/" + name);
    }
};

}  // namespace relevo
