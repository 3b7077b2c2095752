#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "tests/contract/stores.hpp"

namespace relevo::testing {

/// The stores as several processes use them.
class Side {
  public:
    static constexpr int processes = 3;

    explicit Side(Stores& its_stores);

    Stores& stores;

    RelayStore& relay(int process) { return *relays_[static_cast<std::size_t>(process)]; }
    /// The process died: another takes its place and knows nothing of its permits.
    std::string restart(int process);
    /// What a process is given of the timers that are due, sorted.
    std::string lease(int process);
    /// It has done what it was given.
    std::string commit(int process);
    std::string pass(SysTime until);

  private:
    std::vector<RelayStore*> relays_;
    std::vector<std::unique_ptr<Source>> wakers_;
    std::vector<Offset> leased_;
};

/// A call of a store, which can be repeated, and what is answered in words.
struct Call {
    std::string told;
    std::function<std::string(Side&)> make;
    /// Its answer, or what it throws.
    std::string answer(Side& side) const;
};

/// Proof of a send, also of one that this side never allowed.
DeliveryPermit permit_for(ReplyId reply, int attempt);

std::string describe(const std::string& text);
std::string describe(bool yes);
std::string describe(const std::optional<Account>& account);
std::string describe(const StoredMessage& message);
std::string describe(const TurnClaim& claim);
std::string describe(const TurnText& text);
std::string describe(const std::vector<ReplyId>& replies);
std::string describe(const std::optional<ReplyId>& reply);
std::string describe(const ReplyClaim& claim);
std::string describe(const Settled& settled);
std::string describe(const CallReservation& reservation);
/// Without shop, agent and metadata: nothing that is simulated reads them.
std::string describe(const Inference& inference);

}  // namespace relevo::testing
