#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "channels/json.hpp"
#include "domain/http.hpp"
#include "domain/meta.hpp"

namespace relevo {

/// A token, and for how long Meta says that it lasts.
struct MetaToken {
    Secret value;
    std::optional<Millis> lives;
};

/// What is asked of Meta to connect a shop. Every error is one of
///  meta.unreachable, meta.unavailable, meta.rate_limited, meta.callback_failed (transient)
///  meta.bad_code       the code was used, or is too old: people sign in again
///  meta.bad_token      the token ended, or its user took it back
///  meta.no_permission  the user did not allow it, or the app may not ask for it
///  meta.wrong_pin      the number has a PIN, and another one
///  meta.rejected       anything else that Meta does not want
/// (permanent), and holds no token, code or secret.
class MetaGraph {
  public:
    /// Both outlive it.
    MetaGraph(const MetaSettings& settings, HttpClient& http) : settings_(settings), http_(http) {}

    /// Where people sign in. `state` comes back with the code.
    std::string authorize_url(MetaKind kind, std::string_view state) const;
    /// The short-lived token that the code stands for, once.
    Task<Result<MetaToken>> exchange_code(MetaKind kind, Secret code);
    /// A token of 60 days for one that ends within the hour.
    Task<Result<MetaToken>> lengthen(MetaKind kind, Secret token);
    /// The same for one that lasts, and has not ended.
    Task<Result<MetaToken>> refresh(MetaKind kind, Secret token);

    /// What the token controls: proof that whoever gave it does.
    Task<Result<std::vector<MetaAsset>>> assets(MetaKind kind, Secret token);
    /// The page's own token: it is what sends, and does not end as long as the user's was long-lived.
    Task<Result<Secret>> page_token(std::string page, Secret token);
    /// The asset's webhooks come to us. A WhatsApp number's: to `callback`, which Meta asks for
    /// `verify_token` first; its account's other numbers may be another shop's. Twice is once.
    Task<Result<void>> subscribe(MetaAsset asset, Secret token, std::string callback, Secret verify_token);
    /// The number sends through this API from now on. Twice is once.
    Task<Result<void>> register_number(std::string number, Secret pin, Secret token);

  private:
    Task<Result<JsonDocument>> ask(HttpCall call, Secret quoted);
    Task<Result<MetaToken>> token_of(HttpCall call, Secret quoted);
    Task<Result<void>> done(HttpCall call, Secret quoted);
    Task<Result<void>> direct_number(std::string number, Secret token, std::string callback,
                                     Secret verify_token);
    Task<Result<std::vector<std::string>>> business_accounts(Secret token);
    Task<Result<void>> add_numbers(std::vector<MetaAsset>& assets, std::string account, Secret token);
    Task<Result<void>> add_pages(std::vector<MetaAsset>& assets, Secret token);

    const MetaSettings& settings_;
    HttpClient& http_;
};

}  // namespace relevo
