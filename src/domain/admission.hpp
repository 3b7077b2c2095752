#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/breaker.hpp"
#include "core/clock.hpp"
#include "domain/channel.hpp"
#include "domain/pace.hpp"

namespace relevo {

/// Told what keeps bubbles from their customers: for metrics. Called on the threads of the workers.
class DeliveryWatch {
  public:
    virtual ~DeliveryWatch() = default;
    virtual void breaker_opened(std::string_view, std::string_view) {}  ///< channel, account
    virtual void breaker_closed(std::string_view, std::string_view) {}
    /// Channel, account. Its breaker is open, and whoever was turned away asks again by then: who has not may
    /// be somebody else's by now, or have expired.
    virtual void left_alone(std::string_view, std::string_view, SysTime) {}
    virtual void failed(std::string_view, std::string_view) {}  ///< channel, the code of an attempt's error
    virtual void parked(std::string_view, std::string_view) {}  ///< channel, a Hold's reason
    virtual void paced(std::string_view, Millis) {}             ///< channel, and the wait for the slot
};

/// Whether a bubble may be tried now: its account's breaker, and the provider's limits.
///
/// The breakers are the worker's own, in memory. Each worker finds an outage by itself, at the cost of a few
/// attempts, and again after a restart; shared state would save these, and would be one more thing that can
/// be away just then. What must not be forgotten, when each bubble is due, is in the rows. A conversation's
/// bubbles always come to the worker that has its partition. Belongs to one thread.
class Admission {
  public:
    struct Asker {
        std::string channel;
        std::string account;  ///< the provider's name of it
        ConversationId conversation;
        ReplyId reply;
    };
    /// Not now.
    struct Hold {
        static constexpr std::string_view away = "provider away";      ///< the breaker is open
        static constexpr std::string_view probed = "provider probed";  ///< one tries whether it may close
        static constexpr std::string_view pace = "pace";               ///< the limits leave no slot soon
        SysTime until{};                                               ///< when to ask again
        std::string_view reason;                                       ///< one of these
    };
    /// The right to one attempt. Who lets it go untried gives its place to the next one.
    class Pass {
      public:
        Pass(std::shared_ptr<Breaker> breaker, Breaker::Entry entry)
            : breaker_(std::move(breaker)), entry_(entry) {}
        Pass(Pass&&) = default;
        Pass& operator=(Pass&&) = delete;
        ~Pass();

      private:
        friend class Admission;
        std::shared_ptr<Breaker> breaker_;  // outlives the worker's end, as this may
        Breaker::Entry entry_;
    };

    Admission(Pace& pace, Clock& clock, DeliveryWatch& watch) : pace_(pace), clock_(clock), watch_(watch) {}

    /// Takes a slot, waiting for it no longer than `patience`. Gives when it comes, or a hold: with the
    /// breaker open nothing is taken.
    Task<std::variant<SysTime, Hold>> slot(Asker asker, ChannelLimits limits, Millis patience);
    /// At the slot's time, right before the attempt.
    std::variant<Pass, Hold> enter(const Asker& asker, const ChannelLimits& limits);
    /// How the attempt ended.
    void ended(const Asker& asker, const ChannelLimits& limits, Pass pass, const Sent& sent);

  private:
    std::shared_ptr<Breaker>& breaker_of(const Asker& asker, const ChannelLimits& limits);
    void tell(const Asker& asker, const ChannelLimits& limits, const Breaker::Entry& refusal) const;
    Hold hold(const Asker& asker, const ChannelLimits& limits, const Breaker& breaker,
              const Breaker::Entry& refusal) const;

    Pace& pace_;
    Clock& clock_;
    DeliveryWatch& watch_;
    std::unordered_map<std::string, std::shared_ptr<Breaker>> breakers_;  // as many as there are accounts
};

/// When a bubble is due again after `attempts` of it failed.
Millis retry_wait(const std::vector<Millis>& schedule, int attempts, std::optional<Millis> retry_after);

/// Between half of `wait` and all of it, by the id: what failed together does not come back together.
Millis spread(Millis wait, ReplyId reply);

}  // namespace relevo
