#include "process/background_erasure.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "process/person_book.hpp"

namespace relevo {
namespace {

// all of a person goes in one statement; whoever stops the process waits for as long at most
constexpr PersonLimits limits{Millis{20'000}, Millis{5'000}};
// each takes a second or two: nobody waits longer for an answer
constexpr int most_waiting = 16;

// Of those who wait, one. It may go after the erasures do, with the loop that waited.
class Place {
  public:
    explicit Place(std::shared_ptr<std::atomic<int>> waiting) : waiting_(std::move(waiting)) {
        if (++*waiting_ <= most_waiting) return;
        --*waiting_;
        throw Failure({Fault::transient, "person.busy", "other people are being erased", Millis{10'000}});
    }
    ~Place() { --*waiting_; }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

  private:
    std::shared_ptr<std::atomic<int>> waiting_;
};

}  // namespace

BackgroundErasure::~BackgroundErasure() {
    thread_.stop();
    thread_.join();
}

Task<Result<Erased>> BackgroundErasure::erase(TenantId tenant, CrmId contact, Actor actor) {
    const Place place(waiting_);
    auto erasing = [](const Config& config, TenantId its_tenant, CrmId its_contact,
                      Actor its_actor) -> Task<Result<Erased>> {
        co_return erase_contact(config, its_tenant, its_contact, its_actor, limits);
    }(config_, tenant, contact, std::move(actor));
    co_return co_await boost::asio::co_spawn(thread_, std::move(erasing), boost::asio::use_awaitable);
}

}  // namespace relevo
