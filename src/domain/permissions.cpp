#include "domain/permissions.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace relevo {
namespace {

struct Permission {
    Module module;
    Action action;
    std::string_view name;
};

// Built-in roles have theirs in migrations/0039_people.sql and 0051_shop_settings.sql, which a test compares
// with this list.
constexpr std::array list{
    Permission{Module::agents, Action::read, "agents.read"},
    Permission{Module::agents, Action::write, "agents.write"},
    Permission{Module::tools, Action::read, "tools.read"},
    Permission{Module::tools, Action::write, "tools.write"},
    Permission{Module::channels, Action::read, "channels.read"},
    Permission{Module::channels, Action::write, "channels.write"},
    Permission{Module::knowledge, Action::read, "knowledge.read"},
    Permission{Module::knowledge, Action::write, "knowledge.write"},
    Permission{Module::users, Action::read, "users.read"},
    Permission{Module::users, Action::write, "users.write"},
    Permission{Module::users, Action::invite, "users.invite"},
    Permission{Module::users, Action::audit, "users.audit"},
    Permission{Module::vault, Action::read, "vault.read"},
    Permission{Module::vault, Action::write, "vault.write"},
    Permission{Module::conversations, Action::read, "conversations.read"},
    Permission{Module::conversations, Action::write, "conversations.write"},
    Permission{Module::conversations, Action::reply, "conversations.reply"},
    Permission{Module::conversations, Action::erase, "conversations.erase"},
    Permission{Module::billing, Action::read, "billing.read"},
    Permission{Module::billing, Action::write, "billing.write"},
    Permission{Module::shop, Action::read, "shop.read"},
    Permission{Module::shop, Action::write, "shop.write"},
};
static_assert(list.size() < 32);

std::uint32_t bit(std::size_t place) {
    return std::uint32_t{1} << place;
}

std::optional<std::size_t> find(std::string_view name) {
    const auto* const found = std::ranges::find(list, name, &Permission::name);
    if (found == list.end()) return std::nullopt;
    return static_cast<std::size_t>(found - list.begin());
}

}  // namespace

Permissions Permissions::all() {
    return Permissions(bit(list.size()) - 1);
}

Result<Permissions> Permissions::parse(std::span<const std::string> names) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (find(names[i])) continue;
        std::string known;
        for (const auto& permission : list) {
            known += (known.empty() ? "" : ", ") + std::string(permission.name);
        }
        return Error{Fault::permanent, "identity.unknown_permission",
                     "permission " + std::to_string(i + 1) +
                         " of the list is none that there is; choose from: " + known};
    }
    return Permissions::known(names);
}

Permissions Permissions::known(std::span<const std::string> names) {
    Permissions permissions;
    for (const auto& name : names) {
        if (const auto place = find(name)) permissions.bits_ |= bit(*place);
    }
    return permissions;
}

bool Permissions::allows(Module module, Action action) const {
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (list[i].module == module && list[i].action == action) return (bits_ & bit(i)) != 0;
    }
    return false;
}

Permissions Permissions::without(Module module) const {
    Permissions rest = *this;
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (list[i].module == module) rest.bits_ &= ~bit(i);
    }
    return rest;
}

std::vector<std::string> Permissions::names() const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < list.size(); ++i) {
        if ((bits_ & bit(i)) != 0) names.emplace_back(list[i].name);
    }
    return names;
}

}  // namespace relevo
