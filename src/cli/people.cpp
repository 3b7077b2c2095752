#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/commands.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

struct PeopleOptions {
    std::string shop, user, email, name;
    std::vector<std::string> roles, permissions;
    bool disable = false, enable = false, no_roles = false;
};

int list(PeopleBook& book, const PeopleOptions& options, bool json) {
    std::vector<std::string> items;
    for (const auto& user : book.users(options.shop)) {
        items.push_back(JsonObject()
                            .id("id", user.id)
                            .text("email", user.email)
                            .text("name", user.name)
                            .text("status", user.status)
                            .raw("roles", json_texts(user.roles))
                            .time("created_ms", user.created_at)
                            .str());
        if (json) continue;
        fmt::print("{:<32} {:<9} {:<24} {} {}\n", user.email, user.status,
                   user.roles.empty() ? "-" : fmt::format("{}", fmt::join(user.roles, ", ")),
                   user.id.to_string(), user.name);
    }
    if (json) fmt::print("{}\n", json_array(items));
    if (!json && items.empty()) {
        fmt::print("nobody signs in to {0} yet: relevo people add {0} ADDRESS --role admin\n", options.shop);
    }
    return 0;
}

// To standard output alone, for a mail; what it is to the person who reads along.
int show_ticket(const Secret& ticket, const PeopleOptions& options) {
    fmt::print(stderr,
               "{} opens this invitation once; give it to nobody else, because it opens their account. It is "
               "shown this once\n",
               options.user.empty() ? options.email : options.user);
    fmt::print("{}\n", ticket.reveal());
    return 0;
}

int add(PeopleBook& book, const PeopleOptions& options, bool) {
    return show_ticket(book.add(options.shop, options.email, options.name, options.roles), options);
}

int invite(PeopleBook& book, const PeopleOptions& options, bool) {
    return show_ticket(book.invite(options.shop, options.user), options);
}

int change(PeopleBook& book, const PeopleOptions& options, bool) {
    UserChange change;
    if (!options.email.empty()) change.email = options.email;
    if (!options.name.empty()) change.name = options.name;
    if (options.disable || options.enable) change.active = options.enable;
    if (options.no_roles || !options.roles.empty()) change.roles = options.roles;
    if (!change.email && !change.name && !change.active && !change.roles) {
        throw Failure(
            {Fault::permanent, "usage.invalid",
             "expected what to change: --email, --name, --role, --no-roles, --disable or --enable"});
    }
    book.change(options.shop, options.user, change);
    return 0;
}

int end_sessions(PeopleBook& book, const PeopleOptions& options, bool) {
    book.end_sessions(options.shop, options.user);
    return 0;
}

int list_roles(PeopleBook& book, const PeopleOptions& options, bool json) {
    std::vector<std::string> items;
    for (const auto& role : book.roles(options.shop)) {
        const auto names = role.permissions.names();
        items.push_back(JsonObject()
                            .text("name", role.name)
                            .flag("built_in", role.built_in)
                            .raw("permissions", json_texts(names))
                            .str());
        if (!json) {
            fmt::print("{}{}: {}\n", role.name, role.built_in ? " (built in)" : "", fmt::join(names, " "));
        }
    }
    if (json) fmt::print("{}\n", json_array(items));
    return 0;
}

int put_role(PeopleBook& book, const PeopleOptions& options, bool) {
    book.put_role(options.shop, options.name, Permissions::parse(options.permissions).value());
    return 0;
}

int remove_role(PeopleBook& book, const PeopleOptions& options, bool) {
    book.remove_role(options.shop, options.name);
    return 0;
}

}  // namespace

void add_people(Commands& commands) {
    auto options = std::make_shared<PeopleOptions>();
    auto* group = commands.add_group("people", "Who signs in to a shop, and what they may do there");
    using Act = int (*)(PeopleBook&, const PeopleOptions&, bool json);
    const auto command = [&](const char* name, const char* help, const char* example, Act act) {
        auto* added = commands.add(*group, name, help, example, [&commands, options, act] {
            return act(*commands.backend().people(commands.config()), *options, commands.json());
        });
        added->add_option("shop", options->shop, "Its slug")->required();
        return added;
    };
    commands.takes_json(command("list", "The shop's users", "people list myshop", list));
    auto* adding = command("add", "A new user; prints the invitation with which they choose how to sign in",
                           "people add myshop ana@example.com --role admin", add);
    adding->add_option("email", options->email, "Their address")->required()->check(not_empty());
    auto* inviting = command("invite", "Another invitation, or a reset of what they sign in with",
                             "people invite myshop ana@example.com", invite);
    auto* changing = command("change", "Who a user is, what they may do, whether they may come in",
                             "people change myshop ana@example.com --role editor", change);
    auto* ending = command("sign-out", "End every session of a user",
                           "people sign-out myshop ana@example.com", end_sessions);
    for (auto* one : {inviting, changing, ending}) {
        one->add_option("user", options->user, "Address or id")->required()->check(not_empty());
    }
    changing->add_option("--email", options->email, "Another address: ends password and sessions");
    auto* disabling = changing->add_flag("--disable", options->disable, "Nothing of theirs opens anything");
    changing->add_flag("--enable", options->enable, "They may come in again")->excludes(disabling);
    auto* naming = changing->add_option("--role", options->roles, "Instead of those they have; repeatable")
                       ->allow_extra_args(false);
    changing->add_flag("--no-roles", options->no_roles, "Take every role away")->excludes(naming);
    adding->add_option("--role", options->roles, "What they may do; repeatable")
        ->required()
        ->allow_extra_args(false);
    for (auto* one : {adding, changing}) one->add_option("--name", options->name, "As people call them");
    commands.takes_json(
        command("roles", "Built-in roles and the shop's own", "people roles myshop", list_roles));
    auto* putting = command("put-role", "A role of the shop's own, or what it allows from now on",
                            "people put-role myshop seller conversations.read conversations.reply", put_role);
    auto* removing = command("remove-role", "Forget a role that nobody has",
                             "people remove-role myshop seller", remove_role);
    for (auto* one : {putting, removing}) {
        one->add_option("name", options->name, "The role's")->required()->check(not_empty());
    }
    putting->add_option("permission", options->permissions, "As agents.read")->required();
}

}  // namespace relevo
