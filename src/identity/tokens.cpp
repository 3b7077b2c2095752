#include "identity/tokens.hpp"

#include <algorithm>

namespace relevo {
namespace {

constexpr std::size_t least_secret_bytes = 32;  // RFC 7518, 3.2
constexpr std::size_t max_subject_bytes = 255;  // OpenID Connect Core, 2

void check(const IssuerSettings& settings) {
    const auto refuse = [&](const std::string& why) {
        throw Failure(
            {Fault::permanent, "identity.bad_settings",
             "identity.issuers: " + (settings.issuer.empty() ? "one" : settings.issuer) + " " + why});
    };
    if (settings.issuer.empty()) refuse("has no issuer: state what its tokens' iss says");
    if (settings.audience.empty()) refuse("has no audience: state what its tokens' aud says");
    if (settings.subject_claim.empty()) refuse("has an empty subject_claim");
    if (settings.leeway < Millis{0} || settings.leeway > Millis{300'000}) {
        refuse("has a leeway_s that is not between 0 and 300");
    }
    const auto& algorithms = settings.algorithms;
    if (algorithms.empty()) refuse("has no algorithms: state the one that it signs with");
    const bool shared = std::ranges::find(algorithms, JwtAlgorithm::hs256) != algorithms.end();
    if (!shared && !settings.secret.empty()) refuse("has a secret, which only HS256 uses");
    if (!shared) return;
    if (algorithms.size() > 1 || !settings.jwks_uri.empty()) {
        refuse("has HS256 beside published keys: a secret and public keys must not mix");
    }
    if (settings.secret.reveal().size() < least_secret_bytes) {
        refuse("has HS256 with a secret below 32 bytes, which can be guessed");
    }
}

Error denied(std::string code, std::string text) {
    return {Fault::permanent, "identity." + std::move(code), std::move(text)};
}

std::string names_of(const std::vector<JwtAlgorithm>& algorithms) {
    std::string names;
    for (const auto algorithm : algorithms) {
        names += (names.empty() ? "" : " or ") + std::string(name_of(algorithm));
    }
    return names;
}

/// What can be told without a key.
std::optional<Error> refusal(const Jwt& jwt, const IssuerSettings& settings, SysTime now) {
    const auto claimed = jwt_algorithm(jwt.algorithm);
    if (!claimed || std::ranges::find(settings.algorithms, *claimed) == settings.algorithms.end()) {
        return denied("wrong_algorithm", "the bearer token is not signed with " +
                                             names_of(settings.algorithms) + ", as issuer " +
                                             settings.issuer + " is configured for; check identity.issuers");
    }
    if (std::ranges::find(jwt.audiences, settings.audience) == jwt.audiences.end()) {
        return denied("wrong_audience",
                      "the bearer token was issued for somebody else: its aud does not hold " +
                          settings.audience + "; ask the issuer for that audience");
    }
    if (now >= jwt.expires_at + settings.leeway) {
        return denied("expired", "the bearer token has expired; sign in again");
    }
    const bool early = (jwt.not_before && *jwt.not_before > now + settings.leeway) ||
                       (jwt.issued_at && *jwt.issued_at > now + settings.leeway);
    if (early) {
        return denied("not_yet",
                      "the bearer token counts from a later time on; check the clocks of the issuer and of "
                      "this installation");
    }
    const auto subject = jwt.texts.find(settings.subject_claim);
    if (subject == jwt.texts.end() || subject->second.empty() || subject->second.size() > max_subject_bytes) {
        return denied("no_subject",
                      "the bearer token names nobody: its claim " + settings.subject_claim +
                          " is not a text of 1 to 255 bytes; check subject_claim of identity.issuers");
    }
    // whoever registers at the issuer states what address they like
    if (settings.subject_claim == "email" && !jwt.email_verified) {
        return denied("no_subject",
                      "the bearer token names an e-mail address that its issuer has not verified; verify it "
                      "there, and sign in again");
    }
    return std::nullopt;
}

}  // namespace

struct TokenVerifier::Issuer {
    Issuer(IssuerSettings given, HttpClient& http, Clock& clock) : settings(std::move(given)) {
        check(settings);
        if (settings.secret.empty()) {
            published = std::make_unique<IssuerKeys>(settings, http, clock);
        } else {
            shared.push_back(VerificationKey::of_secret(settings.secret));
        }
    }

    Task<Result<std::vector<VerificationKey>>> find(std::optional<std::string> key_id) {
        if (!published) co_return shared;
        co_return co_await published->find(std::move(key_id));
    }

    const IssuerSettings settings;
    std::vector<VerificationKey> shared;
    std::unique_ptr<IssuerKeys> published;
};

TokenVerifier::TokenVerifier(std::vector<IssuerSettings> issuers, HttpClient& http, Clock& clock)
    : clock_(clock) {
    for (auto& settings : issuers) {
        const std::string name = settings.issuer;
        const bool added =
            issuers_.emplace(name, std::make_unique<Issuer>(std::move(settings), http, clock)).second;
        if (!added) {
            throw Failure({Fault::permanent, "identity.bad_settings",
                           "identity.issuers: " + name + " is there twice; each issuer is stated once"});
        }
    }
}

TokenVerifier::~TokenVerifier() = default;

Task<Result<ProvenIdentity>> TokenVerifier::verify(std::string token) {
    auto parsed = parse_jwt(token);
    if (!parsed) co_return parsed.error();
    const Jwt& jwt = *parsed;
    const auto found = issuers_.find(jwt.issuer);
    if (found == issuers_.end()) {
        co_return denied("unknown_issuer",
                         "the bearer token is of an issuer that this installation does not know; an operator "
                         "adds it to identity.issuers");
    }
    Issuer& issuer = *found->second;
    if (auto error = refusal(jwt, issuer.settings, clock_.now())) co_return std::move(*error);
    const auto keys = co_await issuer.find(jwt.key_id);
    if (!keys) co_return keys.error();
    const auto signs = [&](const VerificationKey& key) {
        return name_of(key.algorithm()) == jwt.algorithm && key.verifies(jwt.signed_part, jwt.signature);
    };
    if (std::ranges::none_of(*keys, signs)) {
        co_return denied("bad_signature",
                         "the bearer token's signature does not fit it; send it as it was issued");
    }
    ProvenIdentity identity;
    identity.issuer = jwt.issuer;
    identity.subject = jwt.texts.at(issuer.settings.subject_claim);
    co_return identity;
}

}  // namespace relevo
