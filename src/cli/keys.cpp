#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/commands.hpp"
#include "cli/moments.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

struct KeyOptions {
    std::string shop, name, id, life;
    std::vector<std::string> scopes;
};

std::string key_json(const KeyRow& key) {
    return JsonObject()
        .id("id", key.id)
        .text("name", key.name)
        .raw("scopes", json_texts(key.scopes))
        .text("ends_with", key.last4)
        .text_if_any("owner", key.owner ? key.owner->to_string() : "")
        .time("created_ms", key.created_at)
        .time("used_ms", key.last_used_at)
        .time("expires_ms", key.expires_at)
        .time("revoked_ms", key.revoked_at)
        .str();
}

std::string state_of(const KeyRow& key) {
    if (key.revoked_at) return "revoked " + to_iso8601(*key.revoked_at);
    std::string state = key.last_used_at ? "used " + to_iso8601(*key.last_used_at) : "never used";
    if (key.expires_at) state += ", ends " + to_iso8601(*key.expires_at);
    return state;
}

int list(PeopleBook& book, const KeyOptions& options, bool json) {
    std::vector<std::string> items;
    for (const auto& key : book.keys(options.shop)) {
        items.push_back(key_json(key));
        if (json) continue;
        fmt::print("{} …{} {}: {}; {}{}\n", key.id.to_string(), key.last4, key.name,
                   fmt::join(key.scopes, " "), state_of(key), key.owner ? "" : "; an operator's");
    }
    if (json) fmt::print("{}\n", json_array(items));
    if (!json && items.empty()) fmt::print("{} has no API keys\n", options.shop);
    return 0;
}

int add(PeopleBook& book, const KeyOptions& options, SysTime now) {
    const Permissions scopes = Permissions::parse(options.scopes).value();
    std::optional<SysTime> expires_at;
    if (!options.life.empty()) expires_at = now + parse_span(options.life);
    const IssuedKey key = book.add_key(options.shop, options.name, scopes, expires_at);
    fmt::print(stderr, "key {}: shown this once, stored as a hash only\n", key.id.to_string());
    fmt::print("{}\n", key.secret.reveal());
    return 0;
}

}  // namespace

void add_keys(Commands& commands) {
    auto options = std::make_shared<KeyOptions>();
    auto* group = commands.add_group("keys", "API keys of a shop's programs");
    auto* listing = commands.add(
        *group, "list", "The shop's keys, newest first: how each ends, never the key", "keys list myshop",
        [&commands, options] {
            return list(*commands.backend().people(commands.config()), *options, commands.json());
        });
    commands.takes_json(listing);
    auto* adding = commands.add(
        *group, "add", "A new key, printed this once: rlv_key_ and 72 hexadecimal digits",
        "keys add myshop website --scope agents.read", [&commands, options] {
            return add(*commands.backend().people(commands.config()), *options, commands.backend().now());
        });
    auto* revoking =
        commands.add(*group, "revoke", "From now on it opens nothing",
                     "keys revoke myshop 00000000-0000-4000-8000-000000000001", [&commands, options] {
                         commands.backend().people(commands.config())->revoke_key(options->shop, options->id);
                         return 0;
                     });
    for (auto* command : {listing, adding, revoking}) {
        command->add_option("shop", options->shop, "Its slug")->required();
    }
    adding->add_option("name", options->name, "What it is for")->required()->check(not_empty());
    adding->add_option("--scope", options->scopes, "What it may do, as agents.read; repeatable")
        ->required()
        ->allow_extra_args(false);
    adding->add_option("--for", options->life, "How long it is good, as 90d; without it until it is revoked");
    revoking->add_option("id", options->id, "As keys list shows it")->required()->check(not_empty());
}

}  // namespace relevo
