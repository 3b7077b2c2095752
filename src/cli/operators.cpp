#include <fmt/format.h>

#include "cli/commands.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

struct OperatorOptions {
    std::string name, issuer, subject, id;
};

int list(OperatorRoll& roll, bool json) {
    std::vector<std::string> items;
    for (const auto& line : roll.list()) {
        items.push_back(JsonObject()
                            .text("id", line.id)
                            .text("name", line.name)
                            .text("issuer", line.issuer)
                            .text("subject", line.subject)
                            .flag("active", line.active)
                            .time("created_ms", line.created_at)
                            .str());
        if (json) continue;
        fmt::print("{} {}: {} at {}{}\n", line.id, line.name, line.subject, line.issuer,
                   line.active ? "" : "; no more");
    }
    if (json) fmt::print("{}\n", json_array(items));
    if (!json && items.empty()) fmt::print("nobody runs the installation by an issuer's token\n");
    return 0;
}

int end(OperatorRoll& roll, const OperatorOptions& options) {
    if (roll.end(options.id)) return 0;
    fmt::print(stderr, "{} is no operator (any more); relevo operators list shows their ids\n", options.id);
    return 1;
}

}  // namespace

void add_operators(Commands& commands) {
    auto options = std::make_shared<OperatorOptions>();
    auto* group = commands.add_group("operators", "Who run the installation, and sign in with an issuer");
    const auto roll = [&commands] { return commands.backend().operators(commands.config()); };
    commands.takes_json(commands.add(*group, "list", "Everybody who is or was one", "operators list",
                                     [&commands, roll] { return list(*roll(), commands.json()); }));
    auto* adding = commands.add(
        *group, "add", "Whoever has that identity runs the installation; prints their id",
        "operators add Olga --issuer https://shop.eu.auth0.com/ --subject 'auth0|5f7c8ec7'", [roll, options] {
            fmt::print("{}\n", roll()->add(options->name, options->issuer, options->subject));
            return 0;
        });
    adding->add_option("name", options->name, "As people call them")->required()->check(not_empty());
    adding->add_option("--issuer", options->issuer, "As identity.issuers states it")
        ->required()
        ->check(not_empty());
    adding->add_option("--subject", options->subject, "What its tokens' sub says")
        ->required()
        ->check(not_empty());
    auto* ending =
        commands.add(*group, "remove", "They run it no more, and the keys that they made open nothing",
                     "operators remove 00000000-0000-4000-8000-000000000001",
                     [roll, options] { return end(*roll(), *options); });
    ending->add_option("id", options->id, "As operators list shows it")->required()->check(not_empty());
}

}  // namespace relevo
