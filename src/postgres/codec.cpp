#include "postgres/codec.hpp"

#include <sodium.h>

#include <charconv>

namespace relevo {

TenantId tenant_of_key(std::string_view key) {
    TenantId tenant;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), tenant.value);
    const bool named =
        error == std::errc() && end != key.data() + key.size() && *end == ':' && tenant.value > 0;
    return named ? tenant : TenantId{};
}

std::string to_hex(std::string_view bytes) {
    std::string hex(bytes.size() * 2 + 1, '\0');
    sodium_bin2hex(hex.data(), hex.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                   bytes.size());
    hex.pop_back();  // its terminating zero
    return hex;
}

std::string from_hex(std::string_view hex) {
    std::string bytes(hex.size() / 2, '\0');
    std::size_t length = 0;
    if (sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), hex.data(), hex.size(),
                       nullptr, &length, nullptr) != 0) {
        return {};
    }
    bytes.resize(length);
    return bytes;
}

std::string digits_of(std::string_view name) {
    std::string digits;
    for (const char c : name) {
        if (c >= '0' && c <= '9') digits += c;
        if (std::string_view("+-() .").find(c) == std::string_view::npos && (c < '0' || c > '9')) return {};
    }
    return digits;
}

}  // namespace relevo
