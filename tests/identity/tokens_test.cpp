#include "identity/tokens.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <set>

#include "tests/identity/fakes.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

const std::string good_header = R"({"alg":"RS256","typ":"JWT","kid":"k1"})";

struct Bench {
    explicit Bench(IssuerSettings settings = issuer_settings())
        : tokens(std::vector<IssuerSettings>{std::move(settings)}, web, clock) {
        web.page(auth0_keys, key_set({rsa_key().jwk("k1", R"("alg":"RS256")"), p256_key().jwk("ec"),
                                      ed25519_key().jwk("ed")}));
    }

    Result<ProvenIdentity> verify(std::string token) { return run(tokens.verify(std::move(token))); }
    std::string code(std::string token) {
        const auto identity = verify(std::move(token));
        return identity ? "accepted" : identity.error().code;
    }

    ManualClock clock;
    FakeWeb web;
    TokenVerifier tokens;
};

std::string rs256(const std::string& header, const std::string& claims) {
    return token_of(header, claims, rsa_key(), JwtAlgorithm::rs256);
}

/// The good claims with one piece of text replaced.
std::string with(const std::string& old, const std::string& now) {
    std::string claims = good_claims;
    const auto at = claims.find(old);
    REQUIRE(at != std::string::npos);
    return claims.replace(at, old.size(), now);
}

std::string hs256(const std::string& header, const std::string& secret) {
    const std::string part = base64url(header) + "." + base64url(good_claims);
    return part + "." + base64url(hmac_sha256(secret, part));
}

struct Hostile {
    std::string what;
    std::string token;
    std::string code;
};

std::vector<Hostile> wrong_algorithms() {
    std::vector<Hostile> cases;
    for (const std::string alg :
         {"none", "None", "NONE", "nOnE", "none ", "", "rs256", "RS384", "RS512", "PS256", "ES256", "EdDSA",
          "HS256", "HS512", "RS256\\u0000", "RS256,none", "A256GCM", "dir"}) {
        const std::string header = R"({"alg":")" + alg + R"(","kid":"k1"})";
        cases.push_back({"alg '" + alg + "' over a good signature", rs256(header, good_claims),
                         "identity.wrong_algorithm"});
        const std::string part = base64url(header) + "." + base64url(good_claims);
        cases.push_back({"alg '" + alg + "' without a signature", part + ".", "identity.bad_token"});
    }
    for (const std::string alg : {"null", "0", "[\"RS256\"]", "{\"RS256\":1}", "true"}) {
        cases.push_back(
            {"alg " + alg, rs256(R"({"alg":)" + alg + R"(,"kid":"k1"})", good_claims), "identity.bad_token"});
    }
    cases.push_back({"no alg", rs256(R"({"kid":"k1"})", good_claims), "identity.bad_token"});
    const std::string header = R"({"alg":"HS256","kid":"k1"})";
    cases.push_back({"HS256 with the public key's PEM", hs256(header, rsa_key().public_pem()),
                     "identity.wrong_algorithm"});
    cases.push_back({"HS256 with the public key's DER", hs256(header, rsa_key().public_der()),
                     "identity.wrong_algorithm"});
    cases.push_back({"HS256 with nothing", hs256(header, ""), "identity.wrong_algorithm"});
    cases.push_back({"PS256 by the right key",
                     token_of(R"({"alg":"PS256","kid":"k1"})", good_claims, rsa_key(), JwtAlgorithm::ps256),
                     "identity.wrong_algorithm"});
    cases.push_back({"PS256 that says RS256",
                     token_of(good_header, good_claims, rsa_key(), JwtAlgorithm::ps256),
                     "identity.bad_signature"});
    cases.push_back({"RS256 by the key of another algorithm",
                     token_of(R"({"alg":"RS256","kid":"ec"})", good_claims, p256_key(), JwtAlgorithm::es256),
                     "identity.unknown_key"});
    return cases;
}

std::vector<Hostile> wrong_headers() {
    const auto forged = [](const std::string& more) {
        return token_of(R"({"alg":"RS256","kid":"k1",)" + more + "}", good_claims, other_rsa_key(),
                        JwtAlgorithm::rs256);
    };
    const auto signed_with = [](const std::string& member) {
        return rs256(R"({"alg":"RS256","kid":"k1",)" + member + "}", good_claims);
    };
    const auto kid = [](const std::string& value) {
        return rs256(R"({"alg":"RS256","kid":)" + value + "}", good_claims);
    };
    std::vector<Hostile> cases{
        {"jku", forged(R"("jku":"https://evil.example/keys")"), "identity.bad_signature"},
        {"x5u", forged(R"("x5u":"https://evil.example/cert")"), "identity.bad_signature"},
        {"x5c", forged(R"("x5c":["MIIB"])"), "identity.bad_signature"},
        {"jwk", forged(R"("jwk":)" + other_rsa_key().jwk("k1")), "identity.bad_signature"},
        {"crit", signed_with(R"("crit":["exp"],"exp":1)"), "identity.bad_token"},
        {"empty crit", signed_with(R"("crit":[])"), "identity.bad_token"},
        {"crit null", signed_with(R"("crit":null)"), "identity.bad_token"},
        {"b64 false", signed_with(R"("b64":false,"crit":["b64"])"), "identity.bad_token"},
        {"b64 without crit", signed_with(R"("b64":false)"), "identity.bad_token"},
        {"a token in a token", signed_with(R"("cty":"JWT")"), "identity.bad_token"},
        {"a logout token", signed_with(R"("typ":"logout+jwt")"), "identity.bad_token"},
        {"a proof of possession", signed_with(R"("typ":"dpop+jwt")"), "identity.bad_token"},
        {"typ 1", signed_with(R"("typ":1)"), "identity.bad_token"},
        {"alg twice", signed_with(R"("alg":"none")"), "identity.bad_token"},
        {"alg twice, once escaped", signed_with(R"("\u0061lg":"none")"), "identity.bad_token"},
        {"kid twice", signed_with(R"("kid":"k2")"), "identity.bad_token"},
        {"kid 1", kid("1"), "identity.bad_token"},
        {"kid null", kid("null"), "identity.bad_token"},
        {"kid object", kid("{}"), "identity.bad_token"},
        {"kid empty", kid(R"("")"), "identity.bad_token"},
        {"kid long", kid('"' + std::string(257, 'k') + '"'), "identity.bad_token"},
    };
    for (const std::string name : {"../../../../dev/null", "/etc/passwd", "k1' OR '1'='1", "K1", "k1 ",
                                   "k1\\u0000", "https://evil.example/k1", "k1/../k1"}) {
        cases.push_back({"kid " + name, kid('"' + name + '"'), "identity.unknown_key"});
    }
    return cases;
}

std::vector<Hostile> wrong_forms() {
    const std::string good = rs256(good_header, good_claims);
    const auto first = good.find('.');
    const auto last = good.rfind('.');
    const std::string header = good.substr(0, first);
    const std::string body = good.substr(first + 1, last - first - 1);
    const std::string signature = good.substr(last + 1);
    std::string flipped = signature;
    flipped[10] = flipped[10] == 'A' ? 'B' : 'A';
    // the last digit of 256 bytes carries two bits that count, and four that must be 0
    std::string loose = signature;
    loose.back() = static_cast<char>(loose.back() + 1);
    const std::string bytes = *from_base64url(signature);
    return {
        {"nothing", "", "identity.bad_token"},
        {"dots", "..", "identity.bad_token"},
        {"two parts", header + "." + body, "identity.bad_token"},
        {"four parts", good + "." + signature, "identity.bad_token"},
        {"an encrypted token", header + ".." + body + "." + body + "." + signature, "identity.bad_token"},
        {"a trailing dot", good + ".", "identity.bad_token"},
        {"a leading blank", " " + good, "identity.bad_token"},
        {"a trailing line end", good + "\n", "identity.bad_token"},
        {"trailing garbage", good + "!", "identity.bad_token"},
        {"a trailing NUL", good + std::string(1, '\0'), "identity.bad_token"},
        {"no header", "." + body + "." + signature, "identity.bad_token"},
        {"no body", header + ".." + signature, "identity.bad_token"},
        {"no signature", header + "." + body + ".", "identity.bad_token"},
        {"padding after the header", header + "=." + body + "." + signature, "identity.bad_token"},
        {"padding after the signature", good + "==", "identity.bad_token"},
        {"loose bits at the end", header + "." + body + "." + loose, "identity.bad_token"},
        {"standard base64", header + "." + body + "." + "ab+/" + signature.substr(4), "identity.bad_token"},
        {"a blank in the middle", header + "." + body.substr(0, 8) + " " + body.substr(8) + "." + signature,
         "identity.bad_token"},
        {"a token of 9 KB", rs256(good_header, with("Ana", std::string(9'000, 'a'))), "identity.bad_token"},
        {"a changed signature", header + "." + body + "." + flipped, "identity.bad_signature"},
        {"half a signature", header + "." + body + "." + base64url(bytes.substr(0, 128)),
         "identity.bad_signature"},
        {"a longer signature", header + "." + body + "." + base64url(bytes + "x"), "identity.bad_signature"},
        {"a shorter signature, zeros before it",
         header + "." + body + "." + base64url(std::string(256, '\0')), "identity.bad_signature"},
        {"another body under the signature",
         header + "." + base64url(with("5f7c8ec7c33c6c004bbafe82", "admin")) + "." + signature,
         "identity.bad_signature"},
        {"another header under the signature",
         base64url(R"({"alg":"RS256","kid":"k1"})") + "." + body + "." + signature, "identity.bad_signature"},
        {"signed by another key of the same name",
         token_of(good_header, good_claims, other_rsa_key(), JwtAlgorithm::rs256), "identity.bad_signature"},
        {"a header that is a list", rs256(R"(["alg"])", good_claims), "identity.bad_token"},
        {"a header that is no JSON", rs256("alg=RS256", good_claims), "identity.bad_token"},
        {"a body that is a list", rs256(good_header, "[" + good_claims + "]"), "identity.bad_token"},
        {"a body that is a text", rs256(good_header, R"("claims")"), "identity.bad_token"},
        {"a body and more", rs256(good_header, good_claims + "{}"), "identity.bad_token"},
        {"a body, a NUL and more", rs256(good_header, good_claims + std::string(1, '\0') + "x"),
         "identity.bad_token"},
        {"a byte order mark", rs256(good_header, "\xEF\xBB\xBF" + good_claims), "identity.bad_token"},
        {"bytes that are no UTF-8", rs256(good_header, with("Ana", "An\xFF")), "identity.bad_token"},
        {"half a surrogate", rs256(good_header, with("Ana", R"(An\udc00)")), "identity.bad_token"},
        {"a body 2,000 deep",
         rs256(good_header, with(R"("name":"Ana")", R"("x":)" + std::string(2'000, '['))),
         "identity.bad_token"},
    };
}

std::vector<Hostile> wrong_claims() {
    const auto claim = [](const std::string& old, const std::string& now) {
        return rs256(good_header, with(old, now));
    };
    const std::string iss = R"("iss":"https://shop.example.auth0.com/",)";
    const std::string sub = R"("sub":"auth0|5f7c8ec7c33c6c004bbafe82",)";
    const std::string aud = R"("aud":"https://api.relevo.example",)";
    const std::string exp = R"("exp":1780003600,)";
    return {
        {"no exp", claim(exp, ""), "identity.bad_token"},
        {"exp text", claim("1780003600", R"("1780003600")"), "identity.bad_token"},
        {"exp null", claim("1780003600", "null"), "identity.bad_token"},
        {"exp negative", claim("1780003600", "-1"), "identity.bad_token"},
        {"exp in milliseconds", claim("1780003600", "1780003600000"), "identity.bad_token"},
        {"exp beyond numbers", claim("1780003600", "1e999"), "identity.bad_token"},
        {"exp never", claim("1780003600", "1e300"), "identity.bad_token"},
        {"exp list", claim("1780003600", "[1780003600]"), "identity.bad_token"},
        {"expired", claim("1780003600", "1779999940"), "identity.expired"},
        {"expired long ago", claim("1780003600", "0"), "identity.expired"},
        {"not yet", claim(exp, exp + R"("nbf":1780000061,)"), "identity.not_yet"},
        {"nbf text", claim(exp, exp + R"("nbf":"0",)"), "identity.bad_token"},
        {"nbf null", claim(exp, exp + R"("nbf":null,)"), "identity.bad_token"},
        {"issued in the future", claim("1779999990", "1780000061"), "identity.not_yet"},
        {"iat true", claim("1779999990", "true"), "identity.bad_token"},
        {"exp twice", claim(exp, exp + R"("exp":9999999999,)"), "identity.bad_token"},
        {"exp twice, once escaped", claim(exp, exp + R"("\u0065xp":9999999999,)"), "identity.bad_token"},
        {"iss twice", claim(iss, iss + iss), "identity.bad_token"},
        {"no iss", claim(iss, ""), "identity.bad_token"},
        {"iss list", claim(iss, R"("iss":["https://shop.example.auth0.com/"],)"), "identity.bad_token"},
        {"another iss", claim("shop.example", "evil.example"), "identity.unknown_issuer"},
        {"iss without its slash", claim("auth0.com/", "auth0.com"), "identity.unknown_issuer"},
        {"iss in capitals", claim("https://shop", "HTTPS://SHOP"), "identity.unknown_issuer"},
        {"iss and more", claim("auth0.com/", "auth0.com/.evil"), "identity.unknown_issuer"},
        {"iss and a NUL", claim("auth0.com/", R"(auth0.com/\u0000)"), "identity.bad_token"},
        {"no aud", claim(aud, ""), "identity.bad_token"},
        {"another aud", claim("api.relevo", "api.other"), "identity.wrong_audience"},
        {"half of aud", claim("api.relevo.example", "api.relevo"), "identity.wrong_audience"},
        {"more than aud", claim("relevo.example", "relevo.example/x"), "identity.wrong_audience"},
        {"aud object", claim(aud, R"("aud":{"https://api.relevo.example":true},)"), "identity.bad_token"},
        {"aud number", claim(aud, R"("aud":1,)"), "identity.bad_token"},
        {"aud empty list", claim(aud, R"("aud":[],)"), "identity.wrong_audience"},
        {"aud of others", claim(aud, R"("aud":["a","b"],)"), "identity.wrong_audience"},
        {"aud with a number", claim(aud, R"("aud":["https://api.relevo.example",1],)"), "identity.bad_token"},
        {"aud in a list in a list", claim(aud, R"("aud":[["https://api.relevo.example"]],)"),
         "identity.bad_token"},
        {"no sub", claim(sub, ""), "identity.no_subject"},
        {"sub empty", claim("auth0|5f7c8ec7c33c6c004bbafe82", ""), "identity.no_subject"},
        {"sub number", claim(sub, R"("sub":1,)"), "identity.bad_token"},
        {"sub object", claim(sub, R"("sub":{},)"), "identity.bad_token"},
        {"sub long", claim("auth0|5f7c8ec7c33c6c004bbafe82", std::string(256, 's')), "identity.no_subject"},
        {"sub with a NUL", claim("auth0|5f7c", R"(auth0|\u0000)"), "identity.bad_token"},
    };
}

}  // namespace

TEST_CASE("a token proves who its issuer says they are, whatever the issuer signs with") {
    const std::map<JwtAlgorithm, std::pair<const SigningKey*, std::string>> keys{
        {JwtAlgorithm::rs256, {&rsa_key(), "k1"}},
        {JwtAlgorithm::es256, {&p256_key(), "ec"}},
        {JwtAlgorithm::eddsa, {&ed25519_key(), "ed"}},
    };
    for (const auto& [algorithm, key] : keys) {
        CAPTURE(name_of(algorithm));
        Bench it(issuer_settings(algorithm));
        const std::string header = R"({"alg":")" + std::string(name_of(algorithm)) +
                                   R"(","typ":"at+jwt","kid":")" + key.second + R"("})";
        const auto identity = it.verify(token_of(header, good_claims, *key.first, algorithm));
        REQUIRE(identity.has_value());
        CHECK(identity->issuer == auth0);
        CHECK(identity->subject == "auth0|5f7c8ec7c33c6c004bbafe82");
    }
}

TEST_CASE("an RSA key without an algorithm of its own has the one that the issuer is configured for") {
    Bench it(issuer_settings(JwtAlgorithm::ps256));
    it.web.page(auth0_keys, key_set({rsa_key().jwk("k1")}));
    const auto token = [](const std::string& alg, JwtAlgorithm algorithm) {
        return token_of(R"({"alg":")" + alg + R"(","kid":"k1"})", good_claims, rsa_key(), algorithm);
    };
    CHECK(it.code(token("PS256", JwtAlgorithm::ps256)) == "accepted");
    CHECK(it.code(token("RS256", JwtAlgorithm::rs256)) == "identity.wrong_algorithm");
    // two configured: still one for each key, the first
    IssuerSettings both = issuer_settings();
    both.algorithms = {JwtAlgorithm::rs256, JwtAlgorithm::ps256};
    Bench other(both);
    other.web.page(auth0_keys, key_set({rsa_key().jwk("k1")}));
    CHECK(other.code(token("RS256", JwtAlgorithm::rs256)) == "accepted");
    CHECK(other.code(token("PS256", JwtAlgorithm::ps256)) == "identity.bad_signature");
}

TEST_CASE("Supabase's legacy tokens are signed with a secret, which no public key can stand for") {
    const std::string secret = "a secret of the project, of 40 bytes or so";
    IssuerSettings settings = issuer_settings(JwtAlgorithm::hs256);
    settings.jwks_uri.clear();
    settings.secret = Secret(secret);
    Bench it(settings);
    CHECK(it.code(hs256(R"({"alg":"HS256","typ":"JWT"})", secret)) == "accepted");
    CHECK(it.code(hs256(R"({"alg":"HS256","typ":"JWT","kid":"any"})", secret)) == "accepted");
    CHECK(it.code(hs256(R"({"alg":"HS256"})", secret + "!")) == "identity.bad_signature");
    CHECK(it.code(hs256(R"({"alg":"HS512"})", secret)) == "identity.wrong_algorithm");
    CHECK(it.code(rs256(good_header, good_claims)) == "identity.wrong_algorithm");
    const std::string part = base64url(R"({"alg":"HS256"})") + "." + base64url(good_claims);
    CHECK(it.code(part + "." + base64url(hmac_sha256(secret, part).substr(0, 31))) ==
          "identity.bad_signature");
    CHECK(it.web.calls.empty());
}

TEST_CASE("a hostile token is refused for what is wrong with it, and nothing of it comes back") {
    Bench it;
    REQUIRE(it.code(rs256(good_header, good_claims)) == "accepted");
    std::vector<Hostile> cases;
    for (auto part : {wrong_algorithms(), wrong_headers(), wrong_forms(), wrong_claims()}) {
        cases.insert(cases.end(), part.begin(), part.end());
    }
    CHECK(cases.size() >= 150);
    std::set<std::string> names;
    for (const auto& [what, token, code] : cases) {
        CAPTURE(what);
        CHECK_MESSAGE(names.insert(what).second, "the same case twice");
        const auto identity = it.verify(token);
        REQUIRE_FALSE(identity.has_value());
        const Error& error = identity.error();
        CHECK(error.code == code);
        CHECK(error.fault == Fault::permanent);
        for (const auto* part : {"evil", "5f7c8ec7", "ana@example.com", "k1"}) {
            CHECK(error.text.find(part) == std::string::npos);
        }
        CHECK(error.text.find("; ") != std::string::npos);  // what to do
    }
    for (const auto& call : it.web.calls) CHECK(call.url == auth0_keys);
}

TEST_CASE("a token may be spelled in the ways that its issuers spell it") {
    Bench it;
    const auto accepted = [&](const std::string& header, const std::string& claims) {
        CAPTURE(header);
        CAPTURE(claims);
        CHECK(it.code(rs256(header, claims)) == "accepted");
    };
    for (const auto* type : {"JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"}) {
        accepted(R"({"alg":"RS256","kid":"k1","typ":")" + std::string(type) + R"("})", good_claims);
    }
    accepted(R"({"alg":"RS256","kid":"k1","jku":"https://evil.example/keys","x":{"y":[1]}})", good_claims);
    const std::string aud = R"("aud":"https://api.relevo.example")";
    accepted(good_header, with(aud, R"("aud":["https://api.relevo.example"])"));
    accepted(good_header, with(aud, R"("aud":["https://other.example","https://api.relevo.example"])"));
    accepted(good_header, with("1780003600", "1780003600.25"));
    accepted(good_header, with("1780003600", "1779999941"));  // within the leeway
    accepted(good_header, with("1779999990", "1780000060"));  // so is its clock
    accepted(good_header, with(R"("iat":1779999990,)", R"("nbf":1780000060,)"));
}

TEST_CASE("the subject may be another claim than sub") {
    IssuerSettings settings = issuer_settings();
    settings.subject_claim = "email";
    Bench it(settings);
    CHECK(it.verify(rs256(good_header, good_claims))->subject == "ana@example.com");
    // an address that nobody verified is anybody's
    for (const auto* other : {R"("email_verified":false)", R"("email_verified":"true")", R"("x":true)"}) {
        const auto refused = it.verify(rs256(good_header, with(R"("email_verified":true)", other)));
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().code == "identity.no_subject");
    }
}

TEST_CASE("settings that cannot be safe are refused at the start") {
    const std::string secret(32, 's');
    const std::map<std::string, std::function<void(IssuerSettings&)>> changes{
        {"no issuer", [](auto& s) { s.issuer.clear(); }},
        {"no audience", [](auto& s) { s.audience.clear(); }},
        {"no algorithms", [](auto& s) { s.algorithms.clear(); }},
        {"no subject_claim", [](auto& s) { s.subject_claim.clear(); }},
        {"leeway of an hour", [](auto& s) { s.leeway = Millis{3'600'000}; }},
        {"a secret with RS256", [&](auto& s) { s.secret = Secret(secret); }},
        {"HS256 and RS256",
         [&](auto& s) {
             s.algorithms.push_back(JwtAlgorithm::hs256);
             s.secret = Secret(secret);
         }},
        {"HS256 and a key set",
         [&](auto& s) {
             s.algorithms = {JwtAlgorithm::hs256};
             s.secret = Secret(secret);
         }},
        {"HS256 without a secret",
         [](auto& s) {
             s.algorithms = {JwtAlgorithm::hs256};
             s.jwks_uri.clear();
         }},
        {"HS256 with a short secret",
         [&](auto& s) {
             s.algorithms = {JwtAlgorithm::hs256};
             s.jwks_uri.clear();
             s.secret = Secret(secret.substr(1));
         }},
        {"http", [](auto& s) { s.jwks_uri = "http://shop.example.auth0.com/keys"; }},
        {"no address", [](auto& s) { s.jwks_uri = "keys"; }},
        {"an issuer that is no address, and no jwks_uri",
         [](auto& s) {
             s.issuer = "shop";
             s.jwks_uri.clear();
         }},
    };
    for (const auto& [what, change] : changes) {
        CAPTURE(what);
        IssuerSettings settings = issuer_settings();
        change(settings);
        ManualClock clock;
        FakeWeb web;
        CHECK_THROWS_WITH_AS(TokenVerifier({settings}, web, clock),
                             doctest::Contains("identity.bad_settings"), Failure);
    }
    ManualClock clock;
    FakeWeb web;
    CHECK_THROWS_AS(TokenVerifier({issuer_settings(), issuer_settings()}, web, clock), Failure);
    CHECK_NOTHROW(TokenVerifier({issuer_settings()}, web, clock));
}
