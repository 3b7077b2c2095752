#include "tests/simulation/sim_stores.hpp"

namespace relevo {
namespace {

// One transaction: `work` is all or nothing.
class Session {
  public:
    Session(SimDatabase& its_database, SimFaults& faults) : database(its_database), faults_(faults) {}

    template <class Work>
    Task<std::invoke_result_t<Work>> transact(std::string name, Work work) {
        co_await faults_.point(name + ".before");
        co_await faults_.latency(faults_.rates().longest_call);
        const Failure away({Fault::transient, "postgres.unavailable", "the simulated database is away"});
        if (faults_.happens(faults_.rates().store_refuses)) throw away;
        auto result = work();
        co_await faults_.point(name + ".committed");
        if (faults_.happens(faults_.rates().store_loses_reply)) throw away;
        co_await faults_.latency(faults_.rates().longest_call);
        co_return result;
    }

    SimDatabase& database;

  private:
    SimFaults& faults_;
};

Task<void> without_result(Task<bool> task) {
    co_await std::move(task);
}

class SimResolveStore final : public ResolveStore {
  public:
    explicit SimResolveStore(Session& session) : session_(session) {}
    Task<std::optional<Account>> find_account(std::string channel, std::string external_id,
                                              EndpointId scope) override {
        return session_.transact("find_account", [this, channel, external_id, scope] {
            return session_.database.find_account(channel, external_id, scope);
        });
    }
    Task<std::optional<Account>> find_owner(std::string channel, EndpointId scope) override {
        return session_.transact(
            "find_owner", [this, channel, scope] { return session_.database.find_owner(channel, scope); });
    }
    Task<StoredMessage> store_message(Account account, Inbound inbound, SysTime appended,
                                      std::string) override {
        return session_.transact("store_message", [this, account, inbound, appended] {
            return session_.database.store_message(account, inbound, appended);
        });
    }
    Task<StoredMessage> store_echo(Account account, Inbound inbound, SysTime appended, std::string) override {
        return session_.transact("store_echo", [this, account, inbound, appended] {
            return session_.database.store_echo(account, inbound, appended);
        });
    }
    Task<void> rename_contact(Account account, Alias from, Alias to) override {
        return without_result(session_.transact("rename_contact", [this, account, from, to] {
            session_.database.rename_contact(account, from, to);
            return true;
        }));
    }
    Task<void> archive(Account account, Inbound inbound, SysTime) override {
        return without_result(session_.transact("archive", [this, account, inbound] {
            return session_.database.tenants[account.tenant]
                .archive.emplace(account.id, inbound.event_id)
                .second;
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
        return session_.transact("claim_turn", [this, tenant, conversation, messages, now, max_open_turns] {
            return session_.database.claim_turn(tenant, conversation, messages, now, max_open_turns);
        });
    }
    Task<void> expire(TenantId tenant, ConversationId conversation, std::vector<MessageId> messages,
                      SysTime) override {
        return without_result(session_.transact("expire_messages", [this, tenant, conversation, messages] {
            session_.database.expire_messages(tenant, conversation, messages);
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
        return session_.transact("turn_text",
                                 [=, this] { return session_.database.turn_text(tenant, turn); });
    }
    Task<std::vector<Passage>> search(TenantId tenant, std::string text, int) override {
        return session_.transact("search", [tenant, text] {
            return std::vector<Passage>{{"catalogue", "of shop " + tenant.to_string(), text, 1.0}};
        });
    }
    Task<void> freeze_step(TenantId tenant, TurnId turn, std::vector<Passage> passages, SysTime) override {
        return without_result(session_.transact("freeze_step", [this, tenant, turn, passages] {
            session_.database.freeze_step(tenant, turn, passages);
            return true;
        }));
    }
    Task<std::vector<ReplyId>> fail_turn(TenantId tenant, TurnId turn, std::string code,
                                         SysTime now) override {
        return session_.transact("fail_turn", [this, tenant, turn, code, now] {
            return session_.database.fail_turn(tenant, turn, code, now);
        });
    }
    Task<void> drop_turn(TenantId tenant, TurnId turn, std::string reason, SysTime) override {
        return without_result(session_.transact("drop_turn", [this, tenant, turn, reason] {
            session_.database.drop_turn(tenant, turn, reason);
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
        return session_.transact("load",
                                 [this, tenant, turn] { return session_.database.load(tenant, turn); });
    }
    Task<std::vector<ReplyId>> commit_answer(TenantId tenant, TurnId turn, int step, Completion,
                                             std::vector<std::string> bubbles, SysTime now) override {
        return session_.transact("commit_answer", [this, tenant, turn, step, bubbles, now] {
            return session_.database.commit_answer(tenant, turn, step, bubbles, now);
        });
    }
    Task<std::vector<ReplyId>> fail_turn(TenantId tenant, TurnId turn, std::string code,
                                         SysTime now) override {
        return session_.transact("fail_turn", [this, tenant, turn, code, now] {
            return session_.database.fail_turn(tenant, turn, code, now);
        });
    }
    Task<void> drop_turn(TenantId tenant, TurnId turn, std::string reason, SysTime) override {
        return without_result(session_.transact("drop_turn", [this, tenant, turn, reason] {
            session_.database.drop_turn(tenant, turn, reason);
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
        SimDatabase::Claimed claimed = co_await session_.transact("claim_reply", [=, this] {
            return session_.database.claim_reply(tenant, reply, process_, granted_.contains(reply), admitted,
                                                 now);
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
        return without_result(session_.transact("postpone_reply", [this, tenant, reply, due] {
            session_.database.postpone_reply(tenant, reply, due);
            return true;
        }));
    }
    Task<void> finish(TenantId tenant, DeliveryPermit permit, Sent sent, std::optional<SysTime> due,
                      SysTime now) override {
        const ReplyId reply = permit.reply();
        co_await session_.transact("finish_reply", [this, tenant, permit, sent, due, now] {
            session_.database.finish_reply(tenant, permit.reply(), permit.attempt(), sent, due, now);
            return true;
        });
        granted_.erase(reply);
    }
    Task<ReplyClaim> expire(TenantId tenant, ReplyId reply, SysTime now) override {
        ReplyClaim found = co_await session_.transact("expire_reply", [this, tenant, reply, now] {
            return session_.database.expire_reply(tenant, reply, now);
        });
        granted_.erase(reply);
        co_return std::move(found);
    }

  private:
    Session& session_;
    const int process_;
    std::set<ReplyId> granted_;
};

class SimSettleStore final : public SettleStore {
  public:
    explicit SimSettleStore(Session& session) : session_(session) {}
    Task<std::optional<Account>> find_account(std::string channel, std::string external_id,
                                              EndpointId scope) override {
        return session_.transact("find_account", [this, channel, external_id, scope] {
            return session_.database.find_account(channel, external_id, scope);
        });
    }
    Task<Settled> settle(Account account, Receipt receipt, SysTime now) override {
        return session_.transact("settle", [this, account, receipt, now] {
            return session_.database.settle(account, receipt, now);
        });
    }

  private:
    Session& session_;
};

class SimHandoffStore final : public HandoffStore {
  public:
    explicit SimHandoffStore(Session& session) : session_(session) {}
    Task<bool> take_over(TenantId tenant, ConversationId conversation, SysTime now) override {
        return session_.transact(
            "take_over", [=, this] { return session_.database.take_over(tenant, conversation, now); });
    }
    Task<bool> give_back(TenantId tenant, ConversationId conversation, SysTime) override {
        return session_.transact("give_back",
                                 [=, this] { return session_.database.give_back(tenant, conversation); });
    }
    Task<std::optional<ReplyId>> request_reply(TenantId tenant, ConversationId conversation,
                                               std::string client_id, std::string text,
                                               SysTime now) override {
        return session_.transact("request_reply", [=, this] {
            return session_.database.request_reply(tenant, conversation, client_id, text, now);
        });
    }

  private:
    Session& session_;
};

class SimTimers final : public Timers {
  public:
    explicit SimTimers(Session& session) : session_(session) {}
    Task<void> park(Timer timer) override {
        return without_result(session_.transact("park", [this, timer] {
            const Record& record = timer.record;
            const TimerId id = timer_id(record.topic, record.key, record.headers.id);
            const auto [found, made] = session_.database.timers.try_emplace(
                id, SimTimer{{}, timer, ++session_.database.last_timer_life, 1, {}});
            if (!made) {
                SimTimer& it = found->second;
                it.timer = {std::max(it.timer.due, timer.due), record};
                ++it.parks;
                it.leased_until.reset();
            }
            return made;
        }));
    }

  private:
    Session& session_;
};

class SimDeadLetters final : public DeadLetters {
  public:
    explicit SimDeadLetters(Session& session) : session_(session) {}
    Task<void> bury(std::vector<DeadLetter> letters) override {
        return without_result(session_.transact("bury", [this, letters] {
            for (const auto& letter : letters) {
                session_.database.dead_letters.try_emplace(
                    {letter.stage, letter.topic, letter.partition, letter.offset.value}, letter);
            }
            return true;
        }));
    }

  private:
    Session& session_;
};

class SimVault final : public Vault {
  public:
    Task<Secret> find(TenantId tenant, std::string, std::string) override {
        co_return Secret("token of tenant " + tenant.to_string());
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
    Parts(SimDatabase& database, SimFaults& faults, int process)
        : session(database, faults), relay(session, process) {}

    Session session;
    SimResolveStore resolve{session};
    SimBufferStore buffer{session};
    SimRetrieveStore retrieve{session};
    SimInferStore infer{session};
    SimRelayStore relay;
    SimSettleStore settle{session};
    SimHandoffStore handoff{session};
    SimTimers timers{session};
    SimDeadLetters dead_letters{session};
    SimVault vault;
    SimLive live;
};

SimStores::SimStores(SimDatabase& database, SimFaults& faults, int process)
    : parts_(std::make_unique<Parts>(database, faults, process)) {}
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
HandoffStore& SimStores::handoff() {
    return parts_->handoff;
}
Timers& SimStores::timers() {
    return parts_->timers;
}
DeadLetters& SimStores::dead_letters() {
    return parts_->dead_letters;
}
Vault& SimStores::vault() {
    return parts_->vault;
}
Live& SimStores::live() {
    return parts_->live;
}

}  // namespace relevo
