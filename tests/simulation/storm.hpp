#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/books.hpp"
#include "tests/simulation/world.hpp"

namespace relevo {

/// One schedule: a short life of a few shops in which what may go wrong does, as the seed says, and then a
/// calm in which everything must come right.
class Storm {
  public:
    explicit Storm(std::uint64_t seed, bool keeps_trace = false, std::shared_ptr<const SimParts> parts = {});

    /// The whole life; what no customer and no operator should ever see of it.
    std::vector<std::string> run();
    SimWorld& world() { return world_; }

  private:
    static SimSettings draw_settings(SeededRandom& random, std::uint64_t seed, bool keeps_trace,
                                     std::shared_ptr<const SimParts> parts);
    void draw_limits();
    void draw_budgets(std::uint64_t seed);
    void disclose(std::uint64_t seed);
    void open_shops();
    void plan_customers();
    void plan_customer();
    void plan_handoff();
    void take_over_in_flight(const SimTag& tag);
    void plan_troubles();
    void plan_outage();
    void plan_poison();
    void calm_down();

    using Said = std::vector<std::size_t>;
    std::size_t note(const Account& account, const std::string& who, InboundKind kind,
                     const std::string& text, SimSaid::Fate fate = SimSaid::Fate::conversation);
    void say(std::size_t said);
    void say_together(const Said& said);
    std::string change_of(const SimSaid& said) const;
    std::function<void()> accepts(Said said);

    std::int64_t upto(std::int64_t most);
    bool one_in(std::int64_t n) { return upto(n - 1) == 0; }
    const Account& any_shop() { return shops_[random_.below(shops_.size())]; }
    std::string any_customer();
    void at(Millis when, std::function<void()> event) { world_.clock.after(when, std::move(event)); }

    SeededRandom random_;
    SimWorld world_;
    std::vector<Account> shops_;
    Account nobodys_;
    bool fair_ = false;  ///< nothing goes wrong here
    int last_event_ = 0;
};

}  // namespace relevo
