#include "tests/simulation/sim_stores.hpp"

#include <algorithm>

namespace relevo {
namespace {

// One transaction: `work` is all or nothing. A statement that was sent may take effect after its sender's
// death: `work` holds nothing of the process.
class Session {
  public:
    Session(SimDatabase& its_database, std::shared_ptr<SimFaults> faults)
        : database(its_database), faults_(std::move(faults)) {}

    template <class Work>
    Task<std::invoke_result_t<Work>> transact(std::string name, Work work) {
        SimClock& clock = faults_->clock();
        const SimRates& rates = faults_->rates();
        co_await faults_->point(name + ".before");
        const Failure away({Fault::transient, "postgres.unavailable", "the simulated database is away"});
        if (faults_->happens(rates.store_refuses)) {
            co_await faults_->latency(rates.longest_call);
            throw away;
        }
        const bool unheard = faults_->happens(rates.store_loses_reply);
        const SysTime done = clock.now() + faults_->up_to(rates.longest_call);
        const SysTime told = done + faults_->up_to(rates.longest_call);
        auto result = std::make_shared<std::optional<std::invoke_result_t<Work>>>();
        co_await SimLoop::wait([&](SimLoop::Wake wake) {
            clock.at(done, [&clock, &its = database, faults = faults_, result, wake, told,
                            name = std::move(name), work = std::move(work)] {
                its.begin(clock.now());
                faults->trace.tell(faults->process, "{}", name);
                *result = work();
                if (!faults->dies_at(name + ".committed")) clock.at(told, wake);
            });
        });
        if (unheard) throw away;
        co_return std::move(**result);
    }

    SimDatabase& database;

  private:
    std::shared_ptr<SimFaults> faults_;
};

Task<void> without_result(Task<bool> task) {
    co_await std::move(task);
}

class SimResolveStore final : public ResolveStore {
  public:
    explicit SimResolveStore(Session& session) : session_(session) {}
    Task<std::optional<Account>> find_account(std::string channel, std::string external_id, EndpointId scope,
                                              SysTime written) override {
        return session_.transact("find_account",
                                 [&database = session_.database, channel, external_id, scope, written] {
                                     return database.find_account(channel, external_id, scope, written);
                                 });
    }
    Task<std::optional<Account>> find_owner(std::string channel, EndpointId scope) override {
        return session_.transact("find_owner", [&database = session_.database, channel, scope] {
            return database.find_owner(channel, scope);
        });
    }
    Task<StoredMessage> store_message(Account account, Inbound inbound, SysTime appended,
                                      std::string) override {
        return session_.transact("store_message",
                                 [&database = session_.database, account, inbound, appended] {
                                     return database.store_message(account, inbound, appended);
                                 });
    }
    Task<StoredMessage> store_echo(Account account, Inbound inbound, SysTime appended, std::string) override {
        return session_.transact("store_echo", [&database = session_.database, account, inbound, appended] {
            return database.store_echo(account, inbound, appended);
        });
    }
    Task<void> rename_contact(Account account, Alias from, Alias to) override {
        return without_result(
            session_.transact("rename_contact", [&database = session_.database, account, from, to] {
                database.rename_contact(account, from, to);
                return true;
            }));
    }
    Task<void> archive(Account account, Inbound inbound, SysTime) override {
        return without_result(session_.transact("archive", [&database = session_.database, account, inbound] {
            return database.tenants[account.tenant].archive.emplace(account.id, inbound.event_id).second;
        }));
    }

  private:
    Session& session_;
};

class SimBufferStore final : public BufferStore {
  public:
    explicit SimBufferStore(Session& session) : session_(session) {}
    Task<TurnClaim> claim_turn(TenantId tenant, ConversationId conversation, std::vector<MessageId> messages,
                               SysTime now, int max_open_turns) override {
        return session_.transact("claim_turn", [&database = session_.database, tenant, conversation, messages,
                                                now, max_open_turns] {
            return database.claim_turn(tenant, conversation, messages, now, max_open_turns);
        });
    }
    Task<void> expire(TenantId tenant, ConversationId conversation, std::vector<MessageId> messages,
                      SysTime) override {
        return without_result(session_.transact(
            "expire_messages", [&database = session_.database, tenant, conversation, messages] {
                database.expire_messages(tenant, conversation, messages);
                return true;
            }));
    }

  private:
    Session& session_;
};

class SimRetrieveStore final : public RetrieveStore {
  public:
    explicit SimRetrieveStore(Session& session) : session_(session) {}
    Task<TurnText> turn_text(TenantId tenant, TurnId turn) override {
        return session_.transact(
            "turn_text", [=, &database = session_.database] { return database.turn_text(tenant, turn); });
    }
    Task<std::vector<Passage>> search(TenantId tenant, std::string text, int) override {
        std::ranges::replace(text, '@', '#');  // what a shop knows is no customer's address
        return session_.transact("search", [tenant, text] {
            return std::vector<Passage>{{"catalogue", "of shop " + tenant.to_string(), text, 1.0}};
        });
    }
    Task<void> freeze_step(TenantId tenant, TurnId turn, std::vector<Passage> passages, SysTime) override {
        return without_result(
            session_.transact("freeze_step", [&database = session_.database, tenant, turn, passages] {
                database.freeze_step(tenant, turn, passages);
                return true;
            }));
    }
    Task<std::vector<ReplyId>> fail_turn(TenantId tenant, TurnId turn, std::string code,
                                         SysTime now) override {
        return session_.transact("fail_turn", [&database = session_.database, tenant, turn, code, now] {
            return database.fail_turn(tenant, turn, code, now);
        });
    }
    Task<void> drop_turn(TenantId tenant, TurnId turn, std::string reason, SysTime) override {
        return without_result(
            session_.transact("drop_turn", [&database = session_.database, tenant, turn, reason] {
                database.drop_turn(tenant, turn, reason);
                return true;
            }));
    }

  private:
    Session& session_;
};

class SimInferStore final : public InferStore {
  public:
    explicit SimInferStore(Session& session) : session_(session) {}
    Task<Inference> load(TenantId tenant, TurnId turn, int) override {
        return session_.transact(
            "load", [&database = session_.database, tenant, turn] { return database.load(tenant, turn); });
    }
    Task<CallReservation> reserve_call(TenantId tenant, TurnId turn, int step, PlannedCall call,
                                       SysTime now) override {
        if (!session_.database.counts_money) co_return CallReservation{};
        co_return co_await session_.transact(
            "reserve_call", [&database = session_.database, tenant, turn, step, call, now] {
                CallReservation answer = database.reserve_call(tenant, turn, step, call, now);
                database.check_reservation(tenant, answer);
                return answer;
            });
    }
    Task<void> settle_call(TenantId tenant, TurnId turn, int step, std::string code, Usage usage, SysTime now,
                           int attempt) override {
        if (!session_.database.counts_money) co_return;
        co_await session_.transact(
            "settle_call", [&database = session_.database, tenant, turn, step, code, usage, now, attempt] {
                return database.settle_call(tenant, turn, step, code, usage, now, attempt);
            });
    }
    Task<std::vector<ReplyId>> commit_answer(TenantId tenant, TurnId turn, int step, Completion completion,
                                             std::vector<std::string> bubbles, SysTime now,
                                             std::vector<std::string> disclosing) override {
        if (disclosing.empty()) disclosing = bubbles;
        return session_.transact("commit_answer", [&database = session_.database, tenant, turn, step,
                                                   completion, bubbles, now, disclosing] {
            if (database.counts_money) database.settle_answer(tenant, turn, step, completion, now);
            const bool first = database.is_first_answer(tenant, turn);
            return database.commit_answer(tenant, turn, step, first ? disclosing : bubbles, now);
        });
    }
    Task<std::vector<ReplyId>> fail_turn(TenantId tenant, TurnId turn, std::string code,
                                         SysTime now) override {
        return session_.transact("fail_turn", [&database = session_.database, tenant, turn, code, now] {
            return database.fail_turn(tenant, turn, code, now);
        });
    }
    Task<void> drop_turn(TenantId tenant, TurnId turn, std::string reason, SysTime) override {
        return without_result(
            session_.transact("drop_turn", [&database = session_.database, tenant, turn, reason] {
                database.drop_turn(tenant, turn, reason);
                return true;
            }));
    }

  private:
    Session& session_;
};

class SimRelayStore final : public RelayStore {
  public:
    SimRelayStore(Session& session, int process) : session_(session), process_(process) {}
    Task<ReplyClaim> claim(TenantId tenant, ReplyId reply, SysTime now, bool admitted) override {
        // two handlers of one process ask at once: of the old assignment, and of the new one
        const Asking asking(asked_, reply);
        if (!asking.alone) {
            ReplyClaim wait;
            wait.state = ReplyClaim::State::wait;
            wait.reason = "asked already";
            wait.until = now + Millis{1'000};
            co_return wait;
        }
        const bool granted = granted_.contains(reply);
        const std::string point = admitted ? "claim_reply" : "ask_for_reply";  // only the one makes an intent
        SimDatabase::Claimed claimed =
            co_await session_.transact(point, [=, &database = session_.database, process = process_] {
                return database.claim_reply(tenant, reply, process, granted, admitted, now);
            });
        if (claimed.claim.state == ReplyClaim::State::send) {
            granted_.insert(reply);
            claimed.claim.permit = permit(reply, claimed.attempt);
        } else {
            granted_.erase(reply);
        }
        co_return std::move(claimed.claim);
    }
    Task<void> postpone(TenantId tenant, ReplyId reply, SysTime due) override {
        return without_result(
            session_.transact("postpone_reply", [&database = session_.database, tenant, reply, due] {
                database.postpone_reply(tenant, reply, due);
                return true;
            }));
    }
    Task<void> finish(TenantId tenant, DeliveryPermit permit, Sent sent, std::optional<SysTime> due,
                      SysTime now) override {
        const ReplyId reply = permit.reply();
        co_await session_.transact(
            "finish_reply", [&database = session_.database, tenant, permit, sent, due, now] {
                database.finish_reply(tenant, permit.reply(), permit.attempt(), sent, due, now);
                return true;
            });
        granted_.erase(reply);
    }
    Task<ReplyClaim> expire(TenantId tenant, ReplyId reply, SysTime now) override {
        ReplyClaim found =
            co_await session_.transact("expire_reply", [&database = session_.database, tenant, reply, now] {
                return database.expire_reply(tenant, reply, now);
            });
        granted_.erase(reply);
        co_return std::move(found);
    }

  private:
    Session& session_;
    const int process_;
    struct Asking {
        Asking(std::set<ReplyId>& its_asked, ReplyId its_reply)
            : asked(its_asked), reply(its_reply), alone(asked.insert(reply).second) {}
        ~Asking() {
            if (alone) asked.erase(reply);
        }
        Asking(const Asking&) = delete;
        Asking& operator=(const Asking&) = delete;
        std::set<ReplyId>& asked;
        const ReplyId reply;
        const bool alone;
    };
    std::set<ReplyId> granted_;
    std::set<ReplyId> asked_;
};

class SimSettleStore final : public SettleStore {
  public:
    explicit SimSettleStore(Session& session) : session_(session) {}
    Task<std::optional<Account>> find_account(std::string channel, std::string external_id,
                                              EndpointId scope) override {
        return session_.transact("find_account",
                                 [&database = session_.database, channel, external_id, scope] {
                                     return database.find_account(channel, external_id, scope, std::nullopt);
                                 });
    }
    Task<Settled> settle(Account account, Receipt receipt, SysTime now) override {
        return session_.transact("settle", [&database = session_.database, account, receipt, now] {
            return database.settle(account, receipt, now);
        });
    }

  private:
    Session& session_;
};

class SimTimers final : public Timers {
  public:
    explicit SimTimers(Session& session) : session_(session) {}
    Task<void> park(Timer timer) override {
        return without_result(session_.transact("park", [&database = session_.database, timer] {
            database.park(timer);
            return true;
        }));
    }

  private:
    Session& session_;
};

class SimDeadLetters final : public DeadLetters {
  public:
    explicit SimDeadLetters(Session& session) : session_(session) {}
    Task<void> bury(std::vector<DeadLetter> letters) override {
        return without_result(session_.transact("bury", [&database = session_.database, letters] {
            for (const auto& letter : letters) {
                database.dead_letters.try_emplace(
                    {letter.stage, letter.topic, letter.partition, letter.offset.value}, letter);
            }
            return true;
        }));
    }

  private:
    Session& session_;
};

class SimEndpointStore final : public EndpointStore {
  public:
    explicit SimEndpointStore(Session& session) : session_(session) {}
    Task<std::optional<Endpoint>> find(std::string channel, std::string key) override {
        return session_.transact("find_endpoint", [&database = session_.database, channel, key] {
            return database.find_endpoint(channel, key);
        });
    }
    Task<std::int64_t> secret_changes() override { co_return 0; }
    Task<std::vector<std::pair<std::string, std::string>>> keys() override {
        co_return std::vector<std::pair<std::string, std::string>>{};
    }

  private:
    Session& session_;
};

class SimHandoffStore final : public HandoffStore {
  public:
    explicit SimHandoffStore(Session& session) : session_(session) {}
    Task<bool> take_over(TenantId tenant, ConversationId conversation, SysTime now) override {
        return session_.transact("take_over", [&database = session_.database, tenant, conversation, now] {
            return database.take_over(tenant, conversation, now);
        });
    }
    Task<bool> give_back(TenantId tenant, ConversationId conversation, SysTime) override {
        return session_.transact("give_back", [&database = session_.database, tenant, conversation] {
            return database.give_back(tenant, conversation);
        });
    }
    Task<std::optional<ReplyId>> request_reply(TenantId tenant, ConversationId conversation,
                                               std::string client_id, std::string text,
                                               SysTime now) override {
        return session_.transact(
            "request_reply", [&database = session_.database, tenant, conversation, client_id, text, now] {
                return database.request_reply(tenant, conversation, client_id, text, now);
            });
    }

  private:
    Session& session_;
};

class SimVault final : public Vault {
  public:
    Task<Secret> find(TenantId tenant, std::string, std::string) override {
        co_return Secret("token-of-tenant-" + tenant.to_string());
    }
};

class SimLive final : public Live {
  public:
    void publish(std::string_view, std::string) override {}
    std::unique_ptr<Subscription> subscribe(std::string, std::function<void(std::string_view)>) override {
        return std::make_unique<Subscription>();
    }
};

}  // namespace

struct SimStores::Parts {
    Parts(SimDatabase& database, const std::shared_ptr<SimFaults>& faults)
        : session(database, faults), relay(session, faults->process) {}

    Session session;
    SimResolveStore resolve{session};
    SimBufferStore buffer{session};
    SimRetrieveStore retrieve{session};
    SimInferStore infer{session};
    SimRelayStore relay;
    SimSettleStore settle{session};
    SimTimers timers{session};
    SimDeadLetters dead_letters{session};
    SimEndpointStore endpoints{session};
    SimHandoffStore handoff{session};
    SimVault vault;
    SimLive live;
};

SimStores::SimStores(SimDatabase& database, const std::shared_ptr<SimFaults>& faults)
    : parts_(std::make_unique<Parts>(database, faults)) {}
SimStores::~SimStores() = default;

ResolveStore& SimStores::resolve() {
    return parts_->resolve;
}
BufferStore& SimStores::buffer() {
    return parts_->buffer;
}
RetrieveStore& SimStores::retrieve() {
    return parts_->retrieve;
}
InferStore& SimStores::infer() {
    return parts_->infer;
}
RelayStore& SimStores::relay() {
    return parts_->relay;
}
SettleStore& SimStores::settle() {
    return parts_->settle;
}
Timers& SimStores::timers() {
    return parts_->timers;
}
DeadLetters& SimStores::dead_letters() {
    return parts_->dead_letters;
}
EndpointStore& SimStores::endpoints() {
    return parts_->endpoints;
}
HandoffStore& SimStores::handoff() {
    return parts_->handoff;
}
Vault& SimStores::vault() {
    return parts_->vault;
}
Live& SimStores::live() {
    return parts_->live;
}

}  // namespace relevo
