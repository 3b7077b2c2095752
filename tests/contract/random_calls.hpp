#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/random.hpp"
#include "tests/contract/side.hpp"

namespace relevo::testing {

/// Where two sides answered the same call differently.
struct Difference {
    std::string simulated;
    std::string real;
};

/// Makes calls of the stores as a seed draws them, late, doubled and out of order ones among them, on two
/// sides at once.
class RandomCalls {
  public:
    RandomCalls(std::uint64_t seed, Side& simulated, Side& real, std::vector<Account> accounts);

    /// One more call on both sides; the difference of their answers where there is one.
    std::optional<Difference> make_one();
    const std::vector<Call>& calls() const { return calls_; }

  private:
    struct Heard {  // of a message
        Account account;
        Inbound inbound;
        StoredMessage stored;
    };
    struct Turn {
        TenantId tenant;
        TurnId id;
    };
    struct Reply {
        TenantId tenant;
        ReplyId id;
        Account account;
        std::string text;
    };
    struct Sending {  // a permit, and the provider's name for the bubble once it has one
        Reply reply;
        int attempt = 0;
        int process = 0;
        std::string provider_id;
    };

    template <class Make>
    auto ask(std::string told, Make make);
    template <class T>
    const T& any_of(const std::vector<T>& all);
    template <class T>
    const T& recent_of(const std::vector<T>& all);
    bool chance(int percent) { return random_.below(100) < static_cast<std::uint64_t>(percent); }
    int below(int limit) { return static_cast<int>(random_.below(static_cast<std::uint64_t>(limit))); }
    std::string fresh(const std::string& prefix) { return prefix + std::to_string(++last_name_); }
    TenantId tenant_of(TenantId right);

    void draw();
    void time_passes();
    void message();
    void again();
    void echo();
    void rename();
    void account_or_archive();
    void claim_turn();
    void expire_messages();
    void read_turn();
    void freeze();
    void answer();
    void reserve_call();
    void settle_call();
    void set_budget();
    void end_turn();
    void hand_over();
    void human_reply();
    void claim_reply();
    void finish();
    void postpone_reply();
    void expire_reply();
    void receipt();
    void timers();

    std::vector<Alias> sender(const Account& account);
    std::pair<ConversationId, std::vector<MessageId>> burst(const Heard& heard);
    void learn(const std::vector<ReplyId>& replies, const Turn& turn, const std::vector<std::string>& texts);

    SeededRandom random_;
    Side& simulated_;
    Side& real_;
    const std::vector<Account> accounts_;
    std::vector<Call> calls_;
    SysTime now_ = at(0);
    int last_name_ = 0;
    std::vector<Heard> heard_;
    std::vector<std::pair<Turn, Account>> turns_;
    std::vector<Reply> replies_;
    std::vector<Sending> sendings_;
};

}  // namespace relevo::testing
