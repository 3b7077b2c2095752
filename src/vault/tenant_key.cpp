#include "vault/tenant_key.hpp"

#include <fmt/format.h>

#include "core/error.hpp"

namespace relevo {
namespace {

// The length keeps "a" of "b|c" from being "a|b" of "c".
std::string place(TenantId tenant, std::string_view category, std::string_view name) {
    return fmt::format("{}|{}|{}|{}", tenant.value, category.size(), category, name);
}

[[noreturn]] void refuse(std::string_view category, std::string_view name) {
    throw Failure({Fault::permanent, "vault.sealed_otherwise",
                   fmt::format("{}/{} was sealed with another key or for another place: state it again",
                               category, name)});
}

}  // namespace

std::string TenantKey::seal(std::string_view category, std::string_view name, const Secret& secret) const {
    return key_.seal(place(tenant_, category, name), secret);
}

Secret TenantKey::open(std::string_view category, std::string_view name, std::string_view sealed) const {
    auto secret = key_.open(place(tenant_, category, name), sealed);
    if (!secret) refuse(category, name);
    return std::move(*secret);
}

Secret open_unwrapped(const SealingKey& first, TenantId tenant, std::string_view category,
                      std::string_view name, std::string_view sealed) {
    constexpr char format = 1;
    if (!sealed.empty() && sealed.front() == format) {
        auto secret = first.open(fmt::format("{}/{}/{}", tenant.value, category, name), sealed.substr(1));
        if (secret) return std::move(*secret);
    }
    refuse(category, name);
}

}  // namespace relevo
