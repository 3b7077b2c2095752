#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/moments.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

constexpr int page = 1'000;

struct ChangeOptions {
    std::string shop, since, until;
    AuditQuery query;
    bool all = false;
};

std::string change_json(const AuditRow& row) {
    return JsonObject()
        .number("id", row.id)
        .time("at_ms", row.at)
        .text("kind", row.actor.kind)
        .text("by", row.actor.id)
        .text("name", row.actor.name)
        .text_if_any("trace", row.actor.trace)
        .text("action", row.action)
        .text("subject", row.subject)
        .raw("before", row.before)
        .raw("after", row.after)
        .str();
}

void print(const AuditRow& row) {
    fmt::print("{} {} {} {} ({})\n", to_iso8601(row.at), row.action, row.subject, row.actor.name,
               row.actor.kind);
    if (row.before != "null") fmt::print("    before {}\n", row.before);
    if (row.after != "null") fmt::print("    after  {}\n", row.after);
}

// A page at a time: an export may be long.
int list(PeopleBook& book, const ChangeOptions& options, bool json) {
    AuditQuery query = options.query;
    const int wanted = options.query.limit;
    int shown = 0;
    bool more = true;
    if (json) fmt::print("[");
    while (more && (options.all || shown < wanted)) {
        query.limit = options.all ? page : std::min(page, wanted - shown);
        const auto rows = book.changes(options.shop, query);
        for (const auto& row : rows) {
            if (json) {
                fmt::print("{}{}", shown == 0 ? "\n" : ",\n", change_json(row));
            } else {
                print(row);
            }
            ++shown;
        }
        more = static_cast<int>(rows.size()) == query.limit;
        if (more) query.before = rows.back().id;
    }
    if (json) {
        fmt::print("{}]\n", shown == 0 ? "" : "\n");
    } else if (shown == 0) {
        fmt::print("nothing was changed\n");
    } else if (more) {
        fmt::print("the newest {}; --limit or --all shows more\n", shown);
    }
    return 0;
}

}  // namespace

void add_changes(Commands& commands) {
    auto options = std::make_shared<ChangeOptions>();
    auto* command = commands.add(
        commands.root(), "changes",
        "Who changed what: users, keys, agents, accounts, secrets, budgets, contacts",
        "changes myshop --since 7d", [&commands, options] {
            const SysTime now = commands.backend().now();
            if (!options->since.empty()) options->query.since = parse_moment(options->since, now);
            if (!options->until.empty()) options->query.until = parse_moment(options->until, now);
            return list(*commands.backend().people(commands.config()), *options, commands.json());
        });
    command->add_option("shop", options->shop, "Its slug; without it what concerns the installation");
    command->add_option("--by", options->query.actor, "Who, by id");
    command->add_option("--subject", options->query.subject, "What, as agent:17 or user:UUID");
    command->add_option("--action", options->query.action, "As user.add; user shows all of users");
    command->add_option("--since", options->since, "From then on: 2026-11-21, or 7d");
    command->add_option("--until", options->until, "Up to then");
    command->add_option("--limit", options->query.limit, "How many, the newest first")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    command->add_flag("--all", options->all, "All of them, for an export with --json");
    commands.takes_json(command);
}

}  // namespace relevo
