#include <mutex>
#include <set>

#include "core/json_object.hpp"
#include "core/random.hpp"
#include "postgres/accounts.hpp"
#include "postgres/json.hpp"
#include "postgres/stores.hpp"

namespace relevo {
namespace {

std::string traits_json(const ChannelLimitsByName& limits) {
    JsonObject traits;
    for (const auto& [channel, limit] : limits) {
        traits.raw(channel, JsonObject()
                                .number("spacing_ms", limit.spacing.count())
                                .flag("resend", limit.unknown == ChannelLimits::Unknown::resend)
                                .flag("limited", !limit.pace.empty())
                                .str());
    }
    return traits.str();
}

ReplyClaim::State parse_state(const std::string& state) {
    if (state == "send") return ReplyClaim::State::send;
    if (state == "ready") return ReplyClaim::State::ready;
    if (state == "wait") return ReplyClaim::State::wait;
    if (state == "held") return ReplyClaim::State::held;
    if (state == "delivered") return ReplyClaim::State::delivered;
    return ReplyClaim::State::closed;
}

std::string_view name_of(Sent::State state) {
    switch (state) {
        case Sent::State::accepted:
            return "accepted";
        case Sent::State::refused:
            return "refused";
        case Sent::State::unknown:
            break;
    }
    return "unknown";
}

constexpr Millis ask_again{1'000};  // when another handler of this process has its answer

class PostgresRelayStore final : public RelayStore {
  public:
    PostgresRelayStore(Database& database, ChannelLimitsByName limits)
        : database_(database), traits_(traits_json(limits)), token_(SystemRandom().hex(16)) {}

    Task<ReplyClaim> claim(TenantId tenant, ReplyId reply, SysTime now, bool admitted) override {
        // After a rebalance the handler of the old assignment may still ask while that of the new one does:
        // the intent that the one's claim makes would look to the other like its own, with a lost answer.
        const Asking asking(*this, reply);
        if (!asking.alone()) co_return asked_already(now);
        // The answer to an earlier claim of ours may have been lost with its connection after the intent was
        // committed. Only we know that nobody sent because of it.
        std::string request = JsonObject()
                                  .id("reply", reply)
                                  .time("now", now)
                                  .raw("traits", traits_)
                                  .text("token", token_)
                                  .flag("granted", granted(reply))
                                  .flag("admitted", admitted)
                                  .str();
        const std::string result = co_await database_.call("claim_reply", tenant, std::move(request));
        const Json json = Json::parse(result);
        ReplyClaim claim;
        claim.state = parse_state(json.text("state"));
        claim.reason = json.text("reason");
        if (!json["until"].null()) claim.until = json.time("until");
        claim.channel = json.text("channel");
        claim.account = json.text("account");
        if (claim.state == ReplyClaim::State::send) {
            grant(reply);
            claim.permit = permit(reply, static_cast<int>(json.number("attempt")));
            claim.to = {json["to"].text("kind"), json["to"].text("value")};
            claim.text = json.text("text");
        } else {
            forget(reply);
        }
        co_return claim;
    }

    Task<void> postpone(TenantId tenant, ReplyId reply, SysTime due) override {
        std::string request = JsonObject().id("reply", reply).time("due", due).str();
        co_await database_.call("postpone_reply", tenant, std::move(request));
    }

    Task<void> finish(TenantId tenant, DeliveryPermit permit, Sent sent, std::optional<SysTime> due,
                      SysTime now) override {
        const bool refused = sent.state == Sent::State::refused;
        std::string request =
            JsonObject()
                .id("reply", permit.reply())
                .number("attempt", permit.attempt())
                .text("state", name_of(sent.state))
                .text("provider_id", sent.provider_id)
                .text("code", sent.error.code)
                .text("text", sent.error.text)
                .time("due", refused && sent.error.fault == Fault::transient ? due : std::nullopt)
                .time("now", now)
                .raw("traits", traits_)
                .str();
        co_await database_.call("finish_reply", tenant, std::move(request));
        forget(permit.reply());
    }

    Task<ReplyClaim> expire(TenantId tenant, ReplyId reply, SysTime now) override {
        std::string request = JsonObject().id("reply", reply).time("now", now).str();
        const std::string result = co_await database_.call("expire_reply", tenant, std::move(request));
        forget(reply);
        const Json json = Json::parse(result);
        ReplyClaim found;
        found.state = parse_state(json.text("state"));
        found.reason = json.text("reason");
        co_return found;
    }

  private:
    // One claim of this process under way.
    class Asking {
      public:
        Asking(PostgresRelayStore& store, ReplyId reply) : store_(store), reply_(reply) {
            const std::lock_guard lock(store_.mutex_);
            alone_ = store_.asked_.insert(reply_).second;
        }
        ~Asking() {
            if (!alone_) return;
            const std::lock_guard lock(store_.mutex_);
            store_.asked_.erase(reply_);
        }
        Asking(const Asking&) = delete;
        Asking& operator=(const Asking&) = delete;
        bool alone() const { return alone_; }

      private:
        PostgresRelayStore& store_;
        const ReplyId reply_;
        bool alone_ = false;
    };
    static ReplyClaim asked_already(SysTime now) {
        ReplyClaim claim;
        claim.state = ReplyClaim::State::wait;
        claim.reason = "asked already";
        claim.until = now + ask_again;
        return claim;
    }
    bool granted(ReplyId reply) {
        const std::lock_guard lock(mutex_);
        return granted_.contains(reply);
    }
    void grant(ReplyId reply) {
        const std::lock_guard lock(mutex_);
        granted_.insert(reply);
    }
    void forget(ReplyId reply) {
        const std::lock_guard lock(mutex_);
        granted_.erase(reply);
    }

    Database& database_;
    const std::string traits_;
    const std::string token_;  // names this process in the intents that it makes
    std::mutex mutex_;
    std::set<ReplyId> granted_;  // permits given and not finished: one a bubble in flight
    std::set<ReplyId> asked_;    // claims under way
};

}  // namespace

std::unique_ptr<RelayStore> make_relay_store(Database& database, ChannelLimitsByName limits) {
    return std::make_unique<PostgresRelayStore>(database, std::move(limits));
}

}  // namespace relevo
