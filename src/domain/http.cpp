#include "domain/http.hpp"

#include <algorithm>
#include <optional>

#include "core/json_object.hpp"

namespace relevo {
namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_name(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, lower, lower);
}

std::optional<int> hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = lower(c);
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return std::nullopt;
}

// As HTML forms and URLSearchParams write it: + is a space. What is no escape stays as it is.
std::string decode_query(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
        const auto low = high ? hex_digit(text[i + 2]) : std::nullopt;
        if (low) {
            out += static_cast<char>(*high * 16 + *low);
            i += 2;
        } else {
            out += text[i] == '+' ? ' ' : text[i];
        }
    }
    return out;
}

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (same_name(key, name)) return value;
    }
    return {};
}

std::string HttpRequest::query(std::string_view name) const {
    const auto mark = target.find('?');
    if (mark == std::string::npos) return {};
    std::string_view rest = std::string_view(target).substr(mark + 1);
    rest = rest.substr(0, rest.find('#'));
    while (!rest.empty()) {
        const auto pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
        const auto equals = pair.find('=');
        if (decode_query(pair.substr(0, equals)) != name) continue;
        return equals == std::string_view::npos ? std::string() : decode_query(pair.substr(equals + 1));
    }
    return {};
}

HttpResponse error_response(int status, std::string_view code, std::string_view text) {
    const std::string error = JsonObject().text("code", code).text("text", text).str();
    return {.status = status, .body = JsonObject().raw("error", error).str(), .headers = {}};
}

void authorize(HttpCall& call, const Secret& token) {
    constexpr std::string_view scheme = "Bearer ";
    std::string value;
    value.reserve(scheme.size() + token.reveal().size());
    value.append(scheme).append(token.reveal());
    call.headers.emplace_back("Authorization", std::move(value));
}

}  // namespace relevo
