#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "domain/http.hpp"
#include "identity/jwks.hpp"

namespace relevo {

/// The published keys of one issuer. Read again every 10 minutes, in the background, and first where nobody
/// has asked for 20: a key that was withdrawn meanwhile opens nothing. Also when a token names a key that is
/// not among them: that is how a rotation shows. Never more often than every 30 s, so that forged names of
/// keys reach nobody. While the issuer is away its last keys count, for a day; keys that it has dropped count
/// no more once it was asked. Used from one io_context, which runs no coroutine after its end.
class IssuerKeys {
  public:
    /// The settings, the client and the clock outlive it. Throws Failure "identity.bad_settings" for an
    /// address that is neither https nor of this machine.
    IssuerKeys(const IssuerSettings& settings, HttpClient& http, Clock& clock);
    ~IssuerKeys();

    /// What may have signed a token that names this key; without a name, the issuer's only key. Fails with
    /// "identity.unknown_key", and with "identity.issuer_unavailable" (transient) where its keys were never
    /// read, or more than a day ago.
    Task<Result<std::vector<VerificationKey>>> find(std::optional<std::string> key_id);

  private:
    class Flight;
    std::vector<VerificationKey> known(const std::optional<std::string>& key_id, SysTime now) const;
    bool any_known(SysTime now) const;
    bool may_ask(SysTime now) const;
    bool asked_within(Millis span, SysTime now) const;
    std::unique_ptr<Flight> begin(const boost::asio::any_io_executor& executor, SysTime now);
    Task<void> ask(std::unique_ptr<Flight> flight);
    Task<void> wait_for_answer();
    Task<Result<std::vector<NamedKey>>> read();
    Task<Result<std::string>> get(std::string address);

    const IssuerSettings& settings_;
    HttpClient& http_;
    Clock& clock_;
    std::vector<NamedKey> keys_;
    std::optional<SysTime> read_at_;
    std::optional<SysTime> asked_at_;
    // Ends when who asks has the answer; null where nobody asks. Whoever asks may go after us.
    using Answer = std::shared_ptr<boost::asio::steady_timer>;
    const std::shared_ptr<Answer> answer_ = std::make_shared<Answer>();
};

}  // namespace relevo
