#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "domain/channel.hpp"
#include "domain/model.hpp"
#include "tests/simulation/sim_clock.hpp"
#include "tests/simulation/sim_faults.hpp"

namespace relevo {

/// Which delivery a request to a provider is. The provider does not read it: it is what the tests know of a
/// bubble.
struct SimTag {
    ReplyId reply;
    int attempt = 0;
    int process = 0;
};

/// A bubble as it reached the customer.
struct SimBubble {
    SysTime at;
    std::string account;
    std::string to;
    std::string text;
    std::string token;
    std::string provider_id;
    SimTag tag;
    bool arrived = true;  ///< the provider took it, and later said that it failed
    ReplyId reply() const { return tag.reply; }
};

/// The providers' side, WhatsApp's Cloud API and Telegram's Bot API as they are documented: what customers
/// see. It survives every process.
class SimProvider {
  public:
    explicit SimProvider(const SimClock& clock) : clock_(clock) {}

    std::vector<SimBubble> bubbles;
    std::function<void(SimBubble& bubble)> accepted;
    /// A send is on its way.
    std::function<void(const SimTag& tag)> sending;
    std::map<std::string, std::string> bots;  ///< Telegram's: their names by token
    /// What a model was shown of another shop.
    std::vector<std::string> problems;
    int answers = 0;
    /// Attempts whose sender was left without an answer that it can read.
    std::set<std::pair<ReplyId, int>> unclear;

    /// The number of times that a reply reached its customer.
    std::size_t count(ReplyId reply) const;

    enum class Answer { accepts, refuses, rejects, breaks, garbles, garbles_accepted };
    /// A send arrives now.
    HttpResponse serve(const HttpCall& call, const SimTag& tag, Answer answer);

  private:
    const SimClock& clock_;
};

/// One process's way to its providers. A request that left takes effect also when its process dies.
class SimHttp final : public HttpClient {
  public:
    SimHttp(SimProvider& provider, std::shared_ptr<SimFaults> faults)
        : provider_(provider), faults_(std::move(faults)) {}
    Task<boost::system::result<HttpResponse, HttpFault>> send(HttpCall call, BodySink sink) override;
    /// The next request is this delivery's.
    void tag(SimTag tag) { tag_ = tag; }

  private:
    SimProvider::Answer draw();

    SimProvider& provider_;
    std::shared_ptr<SimFaults> faults_;
    std::optional<SimTag> tag_;
};

/// The real channel, watched: its process may die before it sends, and its request is known by its delivery.
class SimChannel final : public Channel {
  public:
    SimChannel(std::unique_ptr<Channel> channel, SimHttp& http, std::shared_ptr<SimFaults> faults)
        : channel_(std::move(channel)), http_(http), faults_(std::move(faults)) {}

    std::string_view name() const override { return channel_->name(); }
    ChannelLimits limits() const override { return channel_->limits(); }
    std::string_view credentials() const override { return channel_->credentials(); }
    std::string_view verification_secret() const override { return channel_->verification_secret(); }
    std::string_view challenge_secret() const override { return channel_->challenge_secret(); }
    std::string_view sending_secret() const override { return channel_->sending_secret(); }
    Result<void> verify(const HttpRequest& request, const Secret& secret) const override {
        return channel_->verify(request, secret);
    }
    Result<Parsed> parse(const HttpRequest& request) const override { return channel_->parse(request); }
    Task<Sent> send(Outbound bubble, DeliveryPermit permit) override;
    Task<void> typing(std::string account, Alias to, std::string last_message, Secret token) override {
        return channel_->typing(std::move(account), std::move(to), std::move(last_message), std::move(token));
    }

  private:
    std::unique_ptr<Channel> channel_;
    SimHttp& http_;
    std::shared_ptr<SimFaults> faults_;
};

/// Answers with the lines it was asked, so that a test knows what was answered: a greeting bubble, one bubble
/// a line, a closing one. With `numbered`, each answer's bubbles end with a number of their own: "hello ~7".
class SimModel final : public ModelProvider {
  public:
    SimModel(SimProvider& provider, std::shared_ptr<SimFaults> faults, bool numbered)
        : provider_(provider), faults_(std::move(faults)), numbered_(numbered) {}
    std::string_view name() const override { return "sim"; }
    std::string_view credentials() const override { return "sim"; }
    Task<Result<Completion>> complete(Prompt prompt, DeltaSink delta) override;

  private:
    SimProvider& provider_;
    std::shared_ptr<SimFaults> faults_;
    const bool numbered_;
};

/// Whose words a line of these worlds is, "shop/customer" of "shop/customer: hello"; nothing where it does
/// not say.
std::string speaker_of(std::string_view line);

}  // namespace relevo
