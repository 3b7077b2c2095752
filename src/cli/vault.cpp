#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>
#include <iterator>

#include "cli/commands.hpp"
#include "cli/progress.hpp"
#include "cli/usage.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

struct VaultOptions {
    std::string shop;
    std::string category;
    std::string name;
    bool all = false;
    bool prepare = false;
    bool yes = false;
    std::string file;
    int version = 1;
};

// From standard input, so that neither the shell's history nor the list of processes has it.
Secret read_value() {
    constexpr std::size_t longest = 64 << 10;
    std::string text{std::istreambuf_iterator<char>(std::cin), {}};
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    if (text.empty() || text.size() > longest) {
        wipe(text);
        throw misused("expected the value on standard input, at most 64 KiB: relevo vault put … < FILE");
    }
    return Secret(std::move(text));
}

std::string line_json(const CredentialLine& line) {
    return JsonObject()
        .text("category", line.category)
        .text("name", line.name)
        .text_if_any("ends_with", line.ends_with)
        .text_if_any("fingerprint", line.fingerprint)
        .flag("opens", line.opens)
        .time("updated_ms", line.updated)
        .str();
}

// 1 where one does not open.
int list(VaultBook& vault, const VaultOptions& options, bool json) {
    std::vector<std::string> items;
    bool all_open = true;
    for (const auto& line : vault.list(options.shop)) {
        all_open = all_open && line.opens;
        items.push_back(line_json(line));
        if (json) continue;
        fmt::print("{:<16} {:<22} {:<8} {:<18} {}{}\n", line.category, line.name,
                   line.ends_with.empty() ? "-" : "…" + line.ends_with, line.fingerprint,
                   to_iso8601(line.updated), line.opens ? "" : "  does not open: put it again");
    }
    if (json) fmt::print("{}\n", json_array(items));
    if (!json && items.empty()) fmt::print("{} has no credentials\n", options.shop);
    return all_open ? 0 : 1;
}

auto is_named(const VaultOptions& options) {
    return [&options](const CredentialLine& line) {
        return line.category == options.category && line.name == options.name;
    };
}

// Says whether there was one: nobody reads a value under a name that is only like the right one.
int put(VaultBook& vault, const VaultOptions& options, bool) {
    const Secret value = read_value();
    const auto before = vault.list(options.shop);
    vault.put(options.shop, options.category, options.name, value);
    if (std::ranges::any_of(before, is_named(options))) {
        fmt::print(stderr, "{} {} of {} is replaced\n", options.category, options.name, options.shop);
        return 0;
    }
    std::vector<std::string> others;
    for (const auto& line : before) others.push_back(line.category + " " + line.name);
    fmt::print(stderr, "{} {} is new; beside it {} has: {}\n", options.category, options.name, options.shop,
               others.empty() ? "nothing" : fmt::format("{}", fmt::join(others, ", ")));
    return 0;
}

int remove(VaultBook& vault, const VaultOptions& options, bool) {
    const bool there = options.yes ? vault.remove(options.shop, options.category, options.name)
                                   : std::ranges::any_of(vault.list(options.shop), is_named(options));
    if (!there) {
        fmt::print(stderr, "{} has no {} {}\n", options.shop, options.category, options.name);
        return 1;
    }
    if (!options.yes) {
        fmt::print("would remove {} {} of {}; what needs it fails from then on; --yes does it\n",
                   options.category, options.name, options.shop);
    }
    return 0;
}

int show_state(VaultBook& vault, bool json) {
    const VaultState state = vault.state();
    std::vector<std::string> items;
    for (const auto& [version, shops] : state.in_use) {
        items.push_back(JsonObject().number("version", version).number("shops", shops).str());
    }
    if (json) {
        fmt::print("{{\"keys\":[{}],\"in_use\":{}}}\n", fmt::join(state.keys, ","), json_array(items));
        return 0;
    }
    for (const int version : state.keys) {
        const auto used = state.in_use.find(version);
        const bool newest = version == state.keys.back();
        fmt::print("master key {}: {} shops{}\n", version, used == state.in_use.end() ? 0 : used->second,
                   newest ? ", the newest" : "");
    }
    for (const auto& [version, shops] : state.in_use) {
        if (std::ranges::find(state.keys, version) != state.keys.end()) continue;
        fmt::print(
            "master key {}: {} shops, MISSING: nothing that it wraps opens; put its line back into the key "
            "file, from a backup or another machine\n",
            version, shops);
    }
    return 0;
}

// A key that wraps nothing yet waits to be used; one that wraps something while others do too was cut off.
bool needs_new_key(const VaultState& state) {
    return state.in_use.empty() || (state.in_use.size() == 1 && state.in_use.contains(state.keys.back()));
}

int rotate(VaultBook& vault, const VaultOptions& options, bool json) {
    if (needs_new_key(vault.state())) {
        const int version = vault.add_master();
        fmt::print(stderr, "master key {} is in the file: back it up, without it nothing will open\n",
                   version);
    }
    if (options.prepare) {
        fmt::print(stderr, "copy the file to every machine that runs relevo, then: relevo vault rotate\n");
        return show_state(vault, json);
    }
    {
        Progress progress;
        vault.rewrap([&](std::int64_t done, std::int64_t of) {
            progress.tell(fmt::format("wrapped again: {} of {} shops", done, of));
        });
    }
    return show_state(vault, json);
}

int retire(VaultBook& vault, const VaultOptions& options, bool json) {
    if (!options.yes) {
        show_state(vault, json);
        fmt::print(stderr,
                   "--yes takes master keys of 0 shops out of the file, the newest excepted. A backup of the "
                   "database from before the rotation opens with them only: keep a copy apart as long\n");
        return 0;
    }
    const auto retired = vault.retire();
    if (json) {
        fmt::print("[{}]\n", fmt::join(retired, ","));
    } else {
        fmt::print("{}\n", retired.empty() ? "no key was left to retire"
                                           : fmt::format("retired: {}", fmt::join(retired, ", ")));
    }
    return 0;
}

int rekey(VaultBook& vault, const VaultOptions& options, bool json) {
    if (options.all == !options.shop.empty()) throw misused("expected a shop's slug, or --all");
    std::vector<std::string> done;
    for (const auto& shop : options.all ? vault.shops() : std::vector<std::string>{options.shop}) {
        const int resealed = vault.rekey(shop);
        done.push_back(JsonObject().text("shop", shop).number("resealed", resealed).str());
        if (!json) fmt::print("{}: {} secrets sealed with a new key\n", shop, resealed);
    }
    if (json) fmt::print("{}\n", json_array(done));
    return 0;
}

int keygen(const Commands& commands, const VaultOptions& options) {
    if (options.file.empty()) {
        fmt::print("{}\n", commands.backend().new_master_key(options.version).reveal());
        return 0;
    }
    commands.backend().new_master_key_file(options.file, options.version);
    fmt::print(stderr, "{} is written: name it as master_key_file, and back it up apart from the database\n",
               options.file);
    return 0;
}

}  // namespace

void add_vault(Commands& commands) {
    auto options = std::make_shared<VaultOptions>();
    auto* group = commands.add_group("vault", "The shops' secrets, and the keys that seal them");
    const auto with = [&commands, options](int (*action)(VaultBook&, const VaultOptions&, bool json)) {
        return [&commands, options, action] {
            return action(*commands.backend().vault(commands.config()), *options, commands.json());
        };
    };
    auto* listing =
        commands.add(*group, "list", "What a shop has: never a value, only how it ends and a fingerprint",
                     "vault list myshop", with(list));
    auto* putting =
        commands.add(*group, "put", "Keep the value that standard input gives; it counts within a second",
                     "vault put myshop whatsapp_cloud ACCESS_TOKEN < token.txt", with(put));
    auto* removing = commands.add(*group, "remove", "Forget a value",
                                  "vault remove myshop openai API_KEY --yes", with(remove));
    for (auto* command : {listing, putting, removing}) {
        command->add_option("shop", options->shop, "Its slug")->required();
    }
    for (auto* command : {putting, removing}) {
        command
            ->add_option("category", options->category,
                         "What it is for, as openai, whatsapp_cloud or telegram")
            ->required()
            ->check(not_empty());
        command->add_option("name", options->name, "As API_KEY, ACCESS_TOKEN or BOT_TOKEN")
            ->required()
            ->check(not_empty());
    }
    auto* state = commands.add(
        *group, "state", "Which master keys there are, and what they wrap", "vault state",
        [&commands] { return show_state(*commands.backend().vault(commands.config()), commands.json()); });
    auto* rotating = commands.add(*group, "rotate",
                                  "A new master key; every shop's key is wrapped with it while all goes on. "
                                  "vault retire ends the old one",
                                  "vault rotate", with(rotate));
    rotating->add_flag("--prepare", options->prepare,
                       "Only make the key, to copy the file to other machines before it is used");
    auto* retiring = commands.add(*group, "retire", "Take master keys that wrap nothing out of the file",
                                  "vault retire --yes", with(retire));
    for (auto* command : {removing, retiring}) command->add_flag("--yes", options->yes, "Do it");
    auto* rekeying = commands.add(*group, "rekey", "A new key for a shop; its secrets are sealed with it",
                                  "vault rekey myshop", with(rekey));
    rekeying->add_option("shop", options->shop, "Its slug");
    rekeying->add_flag("--all", options->all, "Every shop, one after the other");
    for (auto* command : {listing, state, rotating, retiring, rekeying}) commands.takes_json(command);

    auto* making =
        commands.add(commands.root(), "keygen", "Draw a master key, for a new file or for a key store",
                     "keygen master.key", [&commands, options] { return keygen(commands, *options); });
    making->add_option("file", options->file, "A new file; without it the key goes to standard output");
    making->add_option("--version", options->version, "Of the installation's master keys")
        ->check(CLI::Range(1, 1'000'000));
}

}  // namespace relevo
