#include "vault/master_keys.hpp"

#include <fmt/format.h>

#include <charconv>

#include "core/error.hpp"

namespace relevo {
namespace {

std::string place(TenantId tenant, int version) {
    return fmt::format("key|{}|{}", tenant.value, version);
}

[[noreturn]] void refuse(const std::string& where, std::string_view text) {
    throw Failure({Fault::permanent, "vault.bad_key", fmt::format("{}: {}", where, text)});
}

std::string_view trimmed(std::string_view line) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    return line;
}

}  // namespace

std::map<int, SealingKey> parse_master_keys(const std::string& text, const std::string& where) {
    std::map<int, SealingKey> keys;
    int number = 0;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        const std::string_view line = trimmed(std::string_view(text).substr(begin, end - begin));
        begin = end + 1;
        ++number;
        if (line.empty() || line.front() == '#') continue;
        const std::size_t colon = line.find(':');
        int version = 1;
        if (colon != std::string_view::npos) {
            const auto [stop, fault] = std::from_chars(line.data(), line.data() + colon, version);
            if (fault != std::errc() || stop != line.data() + colon || version < 1) {
                refuse(where, fmt::format("line {}: a key's version is a number from 1", number));
            }
        }
        const auto key = SealingKey::parse(colon == std::string_view::npos ? line : line.substr(colon + 1));
        if (!key) refuse(where, fmt::format("line {}: a master key is 64 hex characters", number));
        if (!keys.emplace(version, *key).second) {
            refuse(where, fmt::format("line {}: version {} is there twice", number, version));
        }
    }
    if (keys.empty()) refuse(where, "no master key is in it; relevo keygen makes one");
    return keys;
}

Secret master_key_line(int version, const SealingKey& key) {
    return Secret(fmt::format("{}:{}", version, key.hex().reveal()));
}

MasterKeys::MasterKeys(MasterKeySource source) : source_(std::move(source)), keys_(read()) {}

MasterKeys::ByVersion MasterKeys::read() const {
    const Secret text(source_.read());
    return parse_master_keys(text.reveal(), source_.name);
}

void MasterKeys::reload() {
    ByVersion keys = read();
    const std::lock_guard lock(mutex_);
    keys_ = std::move(keys);
}

int MasterKeys::newest() const {
    const std::lock_guard lock(mutex_);
    return keys_.rbegin()->first;
}

std::vector<int> MasterKeys::versions() const {
    const std::lock_guard lock(mutex_);
    std::vector<int> versions;
    for (const auto& [version, key] : keys_) versions.push_back(version);
    return versions;
}

SealingKey MasterKeys::find(int version) {
    const auto known = [&]() -> std::optional<SealingKey> {
        const std::lock_guard lock(mutex_);
        const auto found = keys_.find(version);
        return found == keys_.end() ? std::nullopt : std::optional(found->second);
    };
    auto key = known();
    if (!key) {
        reload();
        key = known();
    }
    if (key) return *key;
    throw Failure({Fault::transient, "vault.unknown_master",
                   fmt::format("{} has no master key {}, which wraps a tenant's key: bring it up to date",
                               source_.name, version)});
}

WrappedKey MasterKeys::wrap(TenantId tenant, int version, const SealingKey& key) const {
    const std::lock_guard lock(mutex_);
    const auto& [master, master_key] = *keys_.rbegin();
    return {version, master, master_key.seal(place(tenant, version), key.raw())};
}

WrappedKey MasterKeys::draw(TenantId tenant, int version) const {
    return wrap(tenant, version, SealingKey::draw());
}

SealingKey MasterKeys::opened(TenantId tenant, const WrappedKey& key) {
    const auto raw = find(key.master).open(place(tenant, key.version), key.wrapped);
    const auto opened = raw ? SealingKey::from(raw->reveal()) : std::nullopt;
    if (opened) return *opened;
    throw Failure({Fault::permanent, "vault.sealed_otherwise",
                   fmt::format("key {} of tenant {} was wrapped with another master key {} than {} has",
                               key.version, tenant.value, key.master, source_.name)});
}

TenantKey MasterKeys::unwrap(TenantId tenant, const WrappedKey& key) {
    return {tenant, key.version, opened(tenant, key)};
}

WrappedKey MasterKeys::rewrap(TenantId tenant, const WrappedKey& key) {
    return wrap(tenant, key.version, opened(tenant, key));
}

}  // namespace relevo
