#include "cli/identity_fields.hpp"

namespace relevo {
namespace {

using namespace yaml;

std::vector<JwtAlgorithm> read_algorithms(const YAML::Node& node) {
    std::vector<JwtAlgorithm> algorithms;
    if (!node.IsSequence() || node.size() == 0) refuse(node, "expected a list of algorithms: [RS256]");
    for (const auto& name : node) {
        const auto algorithm = jwt_algorithm(text(name));
        if (!algorithm) refuse(name, "no such algorithm; known: RS256, PS256, ES256, EdDSA, HS256");
        algorithms.push_back(*algorithm);
    }
    return algorithms;
}

IssuerSettings read_issuer(const YAML::Node& node) {
    IssuerSettings issuer;
    read(node,
         {{"issuer", [&](const auto& n) { issuer.issuer = text(n); }},
          {"audience", [&](const auto& n) { issuer.audience = text(n); }},
          {"algorithms", [&](const auto& n) { issuer.algorithms = read_algorithms(n); }},
          {"jwks_uri", [&](const auto& n) { issuer.jwks_uri = text(n); }},
          {"secret", [&](const auto& n) { issuer.secret = secret(n); }},
          {"leeway_s", [&](const auto& n) { issuer.leeway = std::chrono::seconds(number<int>(n, 0, 300)); }},
          {"subject_claim", [&](const auto& n) { issuer.subject_claim = text(n); }}},
         {"issuer", "audience", "algorithms"});
    return issuer;
}

}  // namespace

IdentitySettings read_identity(const YAML::Node& node) {
    IdentitySettings settings;
    const auto life = [](Millis& out) {
        return [&out](const YAML::Node& n) {
            out = duration(n);
            if (out <= Millis{0}) refuse(n, "expected a duration above zero");
        };
    };
    read(node, {{"issuers",
                 [&](const auto& n) {
                     if (!n.IsSequence()) refuse(n, "expected a list of issuers");
                     for (const auto& issuer : n) settings.issuers.push_back(read_issuer(issuer));
                 }},
                {"internal_secret", [&](const auto& n) { settings.internal_secret = secret(n); }},
                {"session_idle", life(settings.session_idle)},
                {"session_life", life(settings.session_life)},
                {"ticket_life", life(settings.ticket_life)}});
    return settings;
}

}  // namespace relevo
