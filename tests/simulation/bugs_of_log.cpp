#include <boost/asio/post.hpp>

#include "domain/records.hpp"
#include "tests/simulation/bugs.hpp"
#include "tests/simulation/world.hpp"

namespace relevo {
namespace {

// Says that the records are durable as soon as it has heard of them.
class HastySink final : public Sink {
  public:
    HastySink(std::unique_ptr<Sink> real, boost::asio::any_io_executor executor)
        : real_(std::move(real)), executor_(std::move(executor)) {}
    void append(std::vector<Record> records, Appended appended) override {
        real_->append(std::move(records), [](const std::optional<Error>&) {});
        boost::asio::post(executor_, [appended = std::move(appended)] { appended(std::nullopt); });
    }

  private:
    std::unique_ptr<Sink> real_;
    boost::asio::any_io_executor executor_;
};

// Gives every message a key, and so a lane, of its own.
class ScatteringSink final : public Sink {
  public:
    explicit ScatteringSink(std::unique_ptr<Sink> real) : real_(std::move(real)) {}
    void append(std::vector<Record> records, Appended appended) override {
        for (auto& record : records) {
            if (record.topic == topics::messages_received) record.key = record.headers.id;
        }
        real_->append(std::move(records), std::move(appended));
    }

  private:
    std::unique_ptr<Sink> real_;
};

class AroundSource : public Source {
  public:
    explicit AroundSource(std::unique_ptr<Source> its_real) : real(std::move(its_real)) {}
    Task<SourceEvent> next(bool want_records, Millis wait) override { return real->next(want_records, wait); }
    void wake() override { real->wake(); }
    void commit(std::span<const Commit> commits) override { real->commit(commits); }
    Task<void> release(Revoked revoked, std::vector<Commit> commits) override {
        return real->release(std::move(revoked), std::move(commits));
    }
    Task<void> close(std::vector<Commit> commits) override { return real->close(std::move(commits)); }
    std::int64_t behind() const override { return real->behind(); }

    std::unique_ptr<Source> real;
};

// Commits what was taken rather than what is done.
class GreedySource final : public AroundSource {
  public:
    using AroundSource::AroundSource;
    void commit(std::span<const Commit> commits) override {
        std::vector<Commit> taken(commits.begin(), commits.end());
        for (auto& it : taken) it.next = it.dispatched;
        real->commit(taken);
    }
};

// Does not tell the worker that a partition is another's now.
class DeafSource final : public AroundSource {
  public:
    using AroundSource::AroundSource;
    Task<SourceEvent> next(bool want_records, Millis wait) override {
        SourceEvent event = co_await real->next(want_records, wait);
        auto* revoked = std::get_if<Revoked>(&event);
        if (!revoked) co_return event;
        co_await real->release(std::move(*revoked), {});
        co_return Idle{};
    }
};

// Deletes a timer when it is read.
class ForgetfulTimers final : public AroundSource {
  public:
    using AroundSource::AroundSource;
    Task<SourceEvent> next(bool want_records, Millis wait) override {
        SourceEvent event = co_await real->next(want_records, wait);
        if (const auto* fetched = std::get_if<Fetched>(&event)) {
            const Offset next{fetched->records.back().offset.value + 1};
            const std::vector<Commit> all{{0, next, next}};
            real->commit(all);
        }
        co_return event;
    }
};

template <class Wrap>
struct WithSink final : SimParts {
    explicit WithSink(Wrap its_wrap) : wrap(std::move(its_wrap)) {}
    std::unique_ptr<Sink> sink(std::unique_ptr<Sink> real, boost::asio::any_io_executor executor,
                               SimWorld&) const override {
        return wrap(std::move(real), std::move(executor));
    }
    Wrap wrap;
};

template <class Instead>
struct WithSource final : SimParts {
    explicit WithSource(bool its_timers, bool its_fences = true) : timers(its_timers), fences(its_fences) {}
    std::unique_ptr<Source> source(std::unique_ptr<Source> real, const StageSpec& spec,
                                   SimWorld& world) const override {
        world.log.fences = fences;
        if ((spec.input == timers_input) != timers) return real;
        return std::make_unique<Instead>(std::move(real));
    }
    const bool timers;
    const bool fences;
};

template <class Wrap>
std::shared_ptr<const SimParts> with_sink(Wrap wrap) {
    return std::make_shared<WithSink<Wrap>>(std::move(wrap));
}

}  // namespace

std::vector<SimBug> log_bugs() {
    const auto hasty = [](std::unique_ptr<Sink> real, boost::asio::any_io_executor executor) {
        return std::make_unique<HastySink>(std::move(real), std::move(executor));
    };
    const auto scattering = [](std::unique_ptr<Sink> real, const boost::asio::any_io_executor&) {
        return std::make_unique<ScatteringSink>(std::move(real));
    };
    return {
        {"commit-before-publish", "a record counts as written before the log has it", 0, with_sink(hasty)},
        {"key-of-each-message", "a conversation's messages go through different lanes", 0,
         with_sink(scattering)},
        {"offsets-past-unfinished", "offsets are committed when a record is taken, not when it is done", 0,
         std::make_shared<WithSource<GreedySource>>(false)},
        {"revoke-ignored", "an old owner goes on, and its commits count", 0,
         std::make_shared<WithSource<DeafSource>>(false, false)},
        {"timers-deleted-early", "a timer is deleted before its record is published", 0,
         std::make_shared<WithSource<ForgetfulTimers>>(true)},
    };
}

}  // namespace relevo
