#include <functional>

#include "domain/records.hpp"
#include "tests/simulation/bugs.hpp"
#include "tests/simulation/world.hpp"

namespace relevo {
namespace {

class AroundStage : public Stage {
  public:
    AroundStage(std::unique_ptr<Stage> its_real, SimWorld& its_world)
        : real(std::move(its_real)), world(its_world) {}
    std::string_view name() const override { return real->name(); }
    Task<Outcome> handle(std::span<const Envelope> records) override { return real->handle(records); }
    BurstPolicy window(const Envelope& record) const override { return real->window(record); }
    Task<Outcome> give_up(std::span<const Envelope> records, Error error) override {
        return real->give_up(records, std::move(error));
    }

    std::unique_ptr<Stage> real;
    SimWorld& world;
};

class MarksFirst final : public AroundStage {
  public:
    using AroundStage::AroundStage;
    Task<Outcome> handle(std::span<const Envelope> records) override {
        if (!world.marks.insert(std::string(records.front().headers.id)).second) co_return Drop{"duplicate"};
        co_return co_await real->handle(records);
    }
};

class GivesUpSilently final : public AroundStage {
  public:
    using AroundStage::AroundStage;
    Task<Outcome> give_up(std::span<const Envelope>, Error) override { co_return Emit{}; }
};

class NeverExpires final : public AroundStage {
  public:
    using AroundStage::AroundStage;
    Task<Outcome> handle(std::span<const Envelope> records) override {
        std::vector<Envelope> fresh(records.begin(), records.end());
        for (auto& record : fresh) record.headers.expires = world.clock.now() + Millis{3'600'000};
        co_return co_await real->handle(fresh);
    }
};

// Incident 2: the same person writes to two shops.
class KeyIsSender final : public AroundStage {
  public:
    using AroundStage::AroundStage;
    Task<Outcome> handle(std::span<const Envelope> records) override {
        Outcome outcome = co_await real->handle(records);
        if (auto* emit = std::get_if<Emit>(&outcome)) {
            for (auto& record : emit->records) {
                const auto message = decode_message_resolved(record.value).value();
                const SimTenant& tenant = world.database.tenants.at(message.tenant);
                record.key = tenant.conversations.at(message.conversation).to.value;
            }
        }
        co_return outcome;
    }
};

class DropsAtTheCap final : public AroundStage {
  public:
    using AroundStage::AroundStage;
    Task<Outcome> handle(std::span<const Envelope> records) override {
        Outcome outcome = co_await real->handle(records);
        if (std::holds_alternative<Park>(outcome)) co_return Drop{"too many open turns"};
        co_return outcome;
    }
};

// Incident 19.
class LogsAndGoesOn final : public AroundStage {
  public:
    using AroundStage::AroundStage;
    Task<Outcome> handle(std::span<const Envelope> records) override {
        try {
            co_return co_await real->handle(records);
        } catch (const Failure& failure) {
            if (failure.error().fault == Fault::permanent) throw;
        }
        co_return Drop{"failed"};
    }
};

template <class Instead>
struct WithStage final : SimParts {
    explicit WithStage(std::string its_name) : name(std::move(its_name)) {}
    std::unique_ptr<Stage> stage(std::unique_ptr<Stage> real, SimWorld& world) const override {
        if (real->name() != name) return real;
        return std::make_unique<Instead>(std::move(real), world);
    }
    const std::string name;
};

}  // namespace

std::vector<SimBug> stage_bugs() {
    return {
        {"dedupe-mark-before-work", "a message is marked as seen before it is stored", 0,
         std::make_shared<WithStage<MarksFirst>>("resolve")},
        {"dead-without-fallback", "a turn whose model refuses for good is left without a word", 0,
         std::make_shared<WithStage<GivesUpSilently>>("infer")},
        {"expired-accepted", "a bubble is sent however late it is", 0,
         std::make_shared<WithStage<NeverExpires>>("relay")},
        {"key-without-tenant", "a burst is what one sender wrote, to whichever shop", 0,
         std::make_shared<WithStage<KeyIsSender>>("resolve")},
        {"dropped-at-the-cap", "a message that finds no free turn is dropped", 0,
         std::make_shared<WithStage<DropsAtTheCap>>("buffer")},
        {"failed-and-forgotten", "a turn is dropped when the database is away", 0,
         std::make_shared<WithStage<LogsAndGoesOn>>("retrieve")},
    };
}

}  // namespace relevo
