#include "postgres/erasure_keys.hpp"

#include "vault/mark.hpp"

namespace relevo {

std::string name_mark(const Secret& key, std::string_view name) {
    return mark(key, {"name", name});
}

std::string event_mark(const Secret& key, AccountId account, std::string_view event_id) {
    return mark(key, {"event", account.to_string(), event_id});
}

std::optional<Secret> ErasureKeys::known(TenantId tenant) const {
    const std::lock_guard lock(mutex_);
    const auto found = keys_.find(tenant);
    return found == keys_.end() ? std::nullopt : std::optional(found->second);
}

Task<Secret> ErasureKeys::learn(TenantId tenant) {
    std::string why = "the vault has no " + std::string(erasure_key_name);
    Secret key;
    try {
        key = co_await vault_.find(tenant, std::string(erasure_key_category), std::string(erasure_key_name));
    } catch (const Failure& failure) {
        if (failure.error().fault == Fault::transient) throw;
        why = failure.error().text;
    }
    if (key.empty()) {
        throw Failure({Fault::transient, "resolve.no_erasure_key",
                       why + ": who was erased cannot be told from others; relevo person reapply puts it "
                             "back from the log"});
    }
    const std::lock_guard lock(mutex_);
    keys_.insert_or_assign(tenant, key);
    co_return key;
}

}  // namespace relevo
