#pragma once

#include <doctest/doctest.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "domain/gateway_stores.hpp"
#include "domain/stores.hpp"
#include "runtime/source.hpp"
#include "tests/postgres/fixture.hpp"
#include "tests/simulation/sim_clock.hpp"

namespace relevo::testing {

/// Every store that a stage asks, over one database with two shops, and what a test says often: the same for
/// the simulated database and for PostgreSQL.
class Stores {
  public:
    Stores() = default;
    virtual ~Stores() = default;
    Stores(const Stores&) = delete;
    Stores& operator=(const Stores&) = delete;

    TenantId ballet;
    TenantId other;
    ResolveStore* resolve = nullptr;
    BufferStore* buffer = nullptr;
    RetrieveStore* retrieve = nullptr;
    InferStore* infer = nullptr;
    RelayStore* relay = nullptr;  ///< of the process that does not die
    SettleStore* settle = nullptr;
    HandoffStore* handoff = nullptr;
    Timers* timers = nullptr;
    DeadLetters* dead_letters = nullptr;
    SimClock clock{at(0)};  ///< of the timers' sources; what else happens is told its time

    /// A process of its own: it does not know of the permits that others were given.
    virtual RelayStore& another_relay() = 0;
    /// The due timers as one process sees them.
    virtual std::unique_ptr<Source> timers_source() = 0;
    /// What the ballet shop may spend from now on. A token costs 1 and 2 of model "cheap", in and out, half
    /// of that if it was cached, and a hundred times as much of "dear…"; "strange" has no price.
    virtual void set_budget(const std::string& period, std::optional<std::int64_t> hard,
                            std::optional<std::int64_t> soft, SysTime when) = 0;
    /// Everything that the stores keep, a line each, sorted: what is compared in the end.
    virtual std::string rows() = 0;
    /// What the ballet shop shows no model from now on.
    virtual void redact(const PersonalKinds& kinds) = 0;
    /// What the ballet shop's agent discloses from now on.
    virtual void disclose(const std::string& sentence) = 0;
    /// The account's shop ends it; later the other shop claims it, under that address.
    virtual void hand_over(const Account& account, SysTime ended, TenantId to, EndpointId under,
                           SysTime claimed) = 0;

    /// What a store answers; lets virtual time pass for as long as it takes.
    template <class T>
    T run(Task<T> task);

    Account account(std::string channel = "whatsapp", std::string external_id = "1001");
    /// A message of the person to the ballet shop's WhatsApp number.
    StoredMessage store(std::string event_id, std::string text, SysTime when,
                        std::string person = "5491150000001", InboundKind kind = InboundKind::message);
    StoredMessage echo(std::string event_id, std::string text, SysTime when);
    TurnId claim(const StoredMessage& message, SysTime when);
    /// Freezes the turn's step and answers it: the bubbles' ids.
    /// `disclosing`: the bubbles of a conversation's first answer, where they are others.
    std::vector<ReplyId> answer(TurnId turn, std::vector<std::string> bubbles, SysTime when,
                                std::vector<std::string> disclosing = {});
    /// A call of the ballet shop's turn with so many tokens in and out at most.
    CallReservation reserve(TurnId turn, std::int64_t input, std::int64_t output, SysTime when,
                            const std::string& model = "cheap");
    /// The first step's call gave this answer.
    void settle_answer(TurnId turn, Usage usage, SysTime when);
    ReplyClaim ask(ReplyId reply, SysTime when);
    void accept(const ReplyClaim& claim, std::string provider_id, SysTime when);
    void end_unknown(const ReplyClaim& claim, SysTime when);
    void refuse(const ReplyClaim& claim, Fault fault, std::string code, std::optional<SysTime> due,
                SysTime when);
    Settled receipt(const Account& account, Receipt receipt, SysTime when);
    bool take_over(ConversationId conversation, SysTime when);
    bool give_back(ConversationId conversation, SysTime when);
    /// As the prompt shows it: "c:" the contact, "a:" the agent, "h:" a human; "*" what the turn answers.
    std::string history(TurnId turn);

    /// "open", "dropped: human", "failed: model.timeout"…
    std::string status(TurnId turn);
    /// "pending", "dropped: superseded", "unknown: unknown"…
    std::string status(ReplyId reply);
    /// "agent, epoch 0, handled 0 of 1, to 5491150000001"
    std::string status(ConversationId conversation);
    /// "confirmed, p1, receipt read"
    std::string delivery(ReplyId reply, int attempt = 1);
    /// The second cell of the first row that begins so: of "message out" that is "2 agent message: hola".
    std::string row(const std::string& beginning);
    /// How many rows begin so: "message in", "delivery", "contact".
    std::ptrdiff_t count(const std::string& beginning);

  protected:
    /// Where calls run, and one step of theirs; it may wait for the database, or let virtual time pass.
    virtual boost::asio::any_io_executor executor() = 0;
    virtual void work() = 0;
};

template <class T>
T Stores::run(Task<T> task) {
    auto result = boost::asio::co_spawn(executor(), std::move(task), boost::asio::use_future);
    while (result.wait_for(Millis{0}) != std::future_status::ready) work();
    return result.get();
}

/// The two shops as the simulator has them.
class SimulatedStores final : public Stores {
  public:
    SimulatedStores();
    /// With these shops' accounts, so that all ids are the same as elsewhere.
    explicit SimulatedStores(std::vector<Account> accounts);
    ~SimulatedStores() override;
    RelayStore& another_relay() override;
    std::unique_ptr<Source> timers_source() override;
    void set_budget(const std::string& period, std::optional<std::int64_t> hard,
                    std::optional<std::int64_t> soft, SysTime when) override;
    std::string rows() override;
    void redact(const PersonalKinds& kinds) override;
    void disclose(const std::string& sentence) override;
    void hand_over(const Account& account, SysTime ended, TenantId to, EndpointId under,
                   SysTime claimed) override;

  protected:
    boost::asio::any_io_executor executor() override;
    void work() override;

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

/// The two shops in a PostgreSQL database of their own.
class PostgresStores final : public Stores {
  public:
    PostgresStores();
    ~PostgresStores() override;
    RelayStore& another_relay() override;
    std::unique_ptr<Source> timers_source() override;
    void set_budget(const std::string& period, std::optional<std::int64_t> hard,
                    std::optional<std::int64_t> soft, SysTime when) override;
    std::string rows() override;
    void redact(const PersonalKinds& kinds) override;
    void disclose(const std::string& sentence) override;
    void hand_over(const Account& account, SysTime ended, TenantId to, EndpointId under,
                   SysTime claimed) override;
    /// Both shops are as new, at the first moment: cheaper than another database.
    void clear();
    /// All of both shops.
    std::vector<Account> accounts();

  protected:
    boost::asio::any_io_executor executor() override;
    void work() override;

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace relevo::testing

TYPE_TO_STRING_AS("simulated", relevo::testing::SimulatedStores);
TYPE_TO_STRING_AS("PostgreSQL", relevo::testing::PostgresStores);
