#include "cli/identity_fields.hpp"

#include <doctest/doctest.h>

#include "cli/config.hpp"
#include "tests/cli/terminal.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

const std::string rest =
    "kafka: {brokers: x}\npostgres: {url: x}\nredis: {url: x}\nmaster_key_file: k\npipelines: p\n"
    "migrations: m\nconsole: c\n";

Result<Config> read(const Folder& folder, const std::string& identity) {
    return load_config(folder.write("relevo.yaml", rest + "identity:\n" + identity));
}

}  // namespace

TEST_CASE("issuers are configuration, and each states what it signs with") {
    const Folder folder;
    const auto secret = folder.write("supabase.secret", "a secret of the project, 32 bytes long\n");
    const auto config = read(folder,
                             "  issuers:\n"
                             "    - issuer: https://shop.example.auth0.com/\n"
                             "      audience: https://api.relevo.example\n"
                             "      algorithms: [RS256, EdDSA]\n"
                             "      jwks_uri: https://shop.example.auth0.com/.well-known/jwks.json\n"
                             "      leeway_s: 5\n"
                             "      subject_claim: oid\n"
                             "    - issuer: https://p.supabase.co/auth/v1\n"
                             "      audience: authenticated\n"
                             "      algorithms: [HS256]\n"
                             "      secret: {file: " +
                                 secret.string() +
                                 "}\n"
                                 "  internal_secret: between the services\n"
                                 "  session_idle: 30m\n"
                                 "  session_life: 2d\n"
                                 "  ticket_life: 1h\n");
    REQUIRE_MESSAGE(config.has_value(), config.error().text);
    const IdentitySettings& identity = config->identity;
    REQUIRE(identity.issuers.size() == 2);
    CHECK(identity.issuers[0].issuer == "https://shop.example.auth0.com/");
    CHECK(identity.issuers[0].audience == "https://api.relevo.example");
    CHECK(identity.issuers[0].algorithms == std::vector{JwtAlgorithm::rs256, JwtAlgorithm::eddsa});
    CHECK(identity.issuers[0].leeway == Millis{5'000});
    CHECK(identity.issuers[0].subject_claim == "oid");
    CHECK(identity.issuers[1].jwks_uri.empty());
    CHECK(identity.issuers[1].secret.reveal() == "a secret of the project, 32 bytes long");
    CHECK(identity.issuers[1].leeway == Millis{60'000});
    CHECK(identity.internal_secret.reveal() == "between the services");
    CHECK(identity.session_idle == Millis{1'800'000});
    CHECK(identity.session_life == Millis{172'800'000});
    CHECK(identity.ticket_life == Millis{3'600'000});
}

TEST_CASE("an installation without issuers has people who sign in with passwords") {
    const Folder folder;
    const auto config = load_config(folder.write("relevo.yaml", rest));
    REQUIRE(config.has_value());
    CHECK(config->identity.issuers.empty());
    CHECK(config->identity.session_idle == Millis{12 * 3'600'000});
}

TEST_CASE("what is wrong with an issuer is told with its place") {
    const Folder folder;
    const auto config = read(folder, "  issuers:\n    - {issuer: x, algorithms: [none], leeway_s: 301}\n");
    REQUIRE_FALSE(config.has_value());
    const std::string& text = config.error().text;
    CAPTURE(text);
    for (const auto* part : {":10:32: no such algorithm; known: RS256",
                             ":10:49: expected a number from 0 to 300", "key 'audience' is missing"}) {
        CHECK(text.find(part) != std::string::npos);
    }
    for (const std::string identity :
         {"  issuers: x\n", "  issuers: [{issuer: x, audience: y, algorithms: []}]\n", "  session_idle: 0s\n",
          "  secret: x\n"}) {
        CAPTURE(identity);
        CHECK_FALSE(read(folder, identity).has_value());
    }
}
