#include "api/cursor.hpp"

#include <sodium.h>

#include "core/digest.hpp"

namespace relevo {
namespace {

constexpr int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
constexpr std::size_t check_digits = 16;

std::string check_of(std::string_view query, std::string_view key) {
    std::string both = std::to_string(query.size()) + ":";
    both.append(query).append(key);
    return sha256_hex(both).substr(0, check_digits);
}

}  // namespace

std::string cursor_of(std::string_view query, std::string_view key) {
    std::string plain = check_of(query, key);
    plain += key;
    std::string text(sodium_base64_encoded_len(plain.size(), variant), '\0');
    sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(plain.data()),
                      plain.size(), variant);
    text.resize(text.find('\0'));
    return text;
}

std::optional<std::string> key_of_cursor(std::string_view query, std::string_view cursor) {
    std::string plain(cursor.size(), '\0');
    std::size_t size = 0;
    if (sodium_base642bin(reinterpret_cast<unsigned char*>(plain.data()), plain.size(), cursor.data(),
                          cursor.size(), nullptr, &size, nullptr, variant) != 0) {
        return std::nullopt;
    }
    plain.resize(size);
    if (plain.size() < check_digits) return std::nullopt;
    std::string key = plain.substr(check_digits);
    if (check_of(query, key) != plain.substr(0, check_digits)) return std::nullopt;
    return key;
}

}  // namespace relevo
