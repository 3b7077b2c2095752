#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bubbles.hpp"
#include "core/error.hpp"
#include "core/ids.hpp"
#include "core/rate.hpp"
#include "core/task.hpp"
#include "domain/http.hpp"
#include "domain/inbound.hpp"
#include "domain/secret.hpp"

namespace relevo {

/// What a provider accepts from one account: in all, or for each recipient.
struct PaceLimit {
    enum class Per { account, recipient } per = Per::account;
    Rate rate;
};

/// What a channel lets us do, and how fast.
struct ChannelLimits {
    TextLimit text;
    Millis spacing{
        4'000};  ///< between two bubbles to one contact: a person's pace, and within providers' limits
    /// After a crash in the middle of a send: resend only where a second copy cannot be seen.
    enum class Unknown { hold, resend } unknown = Unknown::hold;
    /// All of them hold. None: nobody is behind this channel who could be asked too often, or be away.
    std::vector<PaceLimit> pace{};
    /// When a bubble is tried again that its provider did not take, by the attempts so far; the last one for
    /// all later ones, until the bubble expires. Also how long one rests whose account's breaker is open.
    std::vector<Millis> retries{Millis{5'000}, Millis{30'000}, Millis{120'000}, Millis{300'000},
                                Millis{900'000}};
    /// So many attempts in a row that found the provider `away` open the account's breaker.
    int breaks_after = 5;
};

/// One bubble on its way out.
struct Outbound {
    std::string account;  ///< the provider's name for the shop's number, bot or page
    Alias to;
    std::string text;
    ReplyId reply;  ///< travels in the send wherever the provider brings it back
    Secret token;   ///< the account's access token
};

/// How an attempt ended, as far as anyone can know.
///  accepted  the provider has it and named it
///  refused   certainly not sent; `error` says whether trying again can help, and when
///  unknown   it may have been sent
struct Sent {
    enum class State { accepted, refused, unknown } state = State::unknown;
    std::string provider_id;
    Error error;
    /// Not accepted for a reason that every recipient of the account would meet: no connection, no answer in
    /// time, the provider's own fault, the account's limit or token.
    bool away = false;
};

/// What a provider says of an account, asked by a harmless read.
///  unasked   the channel has nothing to ask, or it was not asked
///  valid     the provider takes the token
///  refused   it does not, or not for this account: `text` says why
///  unknown   it cannot be said now
struct AccountCheck {
    enum class Token { unasked, valid, refused, unknown } token = Token::unasked;
    std::string text{};
    std::optional<std::string>
        webhook{};                  ///< where it sends the account's webhooks, if it tells; "": nowhere
    std::string webhook_problem{};  ///< why webhooks of its wait, as it says
};

/// Proof that the ledger allows this one send. Only the relay store's claim makes it.
class DeliveryPermit {
  public:
    ReplyId reply() const { return reply_; }
    int attempt() const { return attempt_; }

  private:
    friend class RelayStore;
    DeliveryPermit(ReplyId reply, int attempt) : reply_(reply), attempt_(attempt) {}
    ReplyId reply_;
    int attempt_;
};

/// One way in which customers reach a shop. Stateless; used from several threads at once.
class Channel {
  public:
    virtual ~Channel() = default;
    virtual std::string_view name() const = 0;
    virtual ChannelLimits limits() const = 0;
    /// The category of the tenant's credentials that this channel uses: "whatsapp_cloud", "telegram".
    virtual std::string_view credentials() const = 0;
    /// The name of the secret within it that verifies a webhook ("APP_SECRET"), and of the one that a
    /// subscription's challenge must show ("VERIFY_TOKEN"; empty: no challenges).
    virtual std::string_view verification_secret() const = 0;
    virtual std::string_view challenge_secret() const { return {}; }
    /// The name of the secret that sends ("ACCESS_TOKEN"); empty where none is needed.
    virtual std::string_view sending_secret() const { return {}; }
    /// The answer to a provider's challenge; 401 where the token is wrong.
    virtual HttpResponse challenge(const HttpRequest& request, const Secret& verify_token) const;
    /// Whether the provider sent this, from the raw bytes, in constant time. No secret is an error, not a
    /// pass.
    virtual Result<void> verify(const HttpRequest& request, const Secret& secret) const = 0;
    /// Everything the webhook says. Fails only where the body is not JSON; what has no known shape is
    /// `archived`.
    virtual Result<Parsed> parse(const HttpRequest& request) const = 0;
    /// One attempt; never throws for the network's or the provider's faults.
    virtual Task<Sent> send(Outbound bubble, DeliveryPermit permit) = 0;
    /// Shows that an answer is being written, best effort. `last_message` is the provider's id of the message
    /// being answered.
    virtual Task<void> typing(std::string account, Alias to, std::string last_message, Secret token);
    /// Asks the provider about the account, for an operator; changes nothing there. Never throws for the
    /// network's or the provider's faults.
    virtual Task<AccountCheck> check_account(std::string account, Secret token);
    /// Whether the provider takes the address of an account's webhooks from us; else a person tells it.
    virtual bool sets_webhook() const { return false; }
    /// Has the provider send the webhooks of the token's account there, each with the secret that verify()
    /// wants. What waits there is sent too. Called again it changes nothing.
    virtual Task<Result<void>> set_webhook(std::string url, Secret secret, Secret token);
};

/// The channels of this installation, by name.
class Channels {
  public:
    explicit Channels(std::vector<std::unique_ptr<Channel>> channels);
    Channel* find(std::string_view name) const;

  private:
    std::vector<std::unique_ptr<Channel>> channels_;
};

}  // namespace relevo
