#include "channels/provider_call.hpp"

#include <algorithm>
#include <charconv>

#include "core/utf8.hpp"
#include "domain/redaction.hpp"

namespace relevo {
namespace {

// A gateway's page instead of the provider's answer passes in minutes, if at all.
constexpr Millis unreadable_pause{60'000};
constexpr std::size_t longest_text = 300;
// Who asks for more has a fault of its own; it also keeps the arithmetic in range.
constexpr std::chrono::seconds longest_pause{86'400};

std::string without_token(std::string text, const Secret& token) {
    if (token.empty()) return text;
    for (auto at = text.find(token.reveal()); at != std::string::npos; at = text.find(token.reveal(), at)) {
        text.replace(at, token.reveal().size(), "[token]");
        at += std::string_view("[token]").size();
    }
    return text;
}

std::string code_of(std::string_view channel, std::string_view reason) {
    return std::string(channel) + "." + std::string(reason);
}

}  // namespace

std::string without_trailing_slash(std::string url) {
    while (url.ends_with('/')) url.pop_back();
    return url;
}

std::string path_segment(std::string_view text) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    constexpr std::string_view plain = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_:.";
    const bool only_dots =
        text.find_first_not_of('.') == std::string_view::npos;  // ".." would leave the path
    std::string out;
    for (const char c : text) {
        if (plain.find(c) != std::string_view::npos && !only_dots) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += hex[byte >> 4];
        out += hex[byte & 15];
    }
    return out;
}

std::optional<Millis> asked_pause(std::optional<std::int64_t> seconds) {
    if (!seconds || *seconds <= 0) return std::nullopt;
    return std::chrono::seconds(std::min(*seconds, longest_pause.count()));
}

std::optional<Millis> retry_after(const HttpResponse& response) {
    HttpRequest headers;  // looks names up in any case
    headers.headers = response.headers;
    const std::string_view value = headers.header("Retry-After");
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (value.empty() || error != std::errc() || end != value.data() + value.size()) return std::nullopt;
    return asked_pause(seconds);
}

std::string provider_text(std::string_view code, std::string_view message, const Secret& token) {
    // providers name the recipient whom they refuse
    std::string text = std::string(code) + ": " + without_personal(without_token(clean_utf8(message), token));
    text.resize(prefix_of_code_points(text, longest_text));
    return text;
}

Sent accepted(std::string provider_id) {
    return {.state = Sent::State::accepted, .provider_id = std::move(provider_id), .error = {}};
}

Sent refused(Fault fault, std::string code, std::string text, std::optional<Millis> retry_after) {
    return {.state = Sent::State::refused,
            .provider_id = {},
            .error = {fault, std::move(code), std::move(text), retry_after}};
}

Sent unknown(std::string code, std::string text) {
    return {.state = Sent::State::unknown,
            .provider_id = {},
            .error = {Fault::permanent, std::move(code), std::move(text)}};
}

Sent away(Sent sent) {
    sent.away = true;
    return sent;
}

Sent without_answer(std::string_view channel, const HttpFault& fault, const Secret& token) {
    std::string text = without_token(fault.text, token);
    if (fault.reached == Reached::no)
        return away(refused(Fault::transient, code_of(channel, "unreachable"), std::move(text)));
    return away(unknown(code_of(channel, "no_answer"), std::move(text)));
}

Sent unreadable_answer(std::string_view channel, const HttpResponse& response) {
    std::string text =
        "HTTP " + std::to_string(response.status) +
        " with a body that is not the provider's; check the base address and what stands between";
    if (response.status == 408 || response.status < 300 || response.status >= 500) {
        return away(unknown(code_of(channel, "unreadable"), std::move(text)));
    }
    return away(refused(Fault::transient, code_of(channel, "unreadable"), std::move(text),
                        retry_after(response).value_or(unreadable_pause)));
}

AccountCheck not_confirmed(const Sent& outcome) {
    const Error& error = outcome.error;
    const bool refused = outcome.state == Sent::State::refused &&
                         (error.fault == Fault::permanent || error.code.ends_with(".bad_token"));
    AccountCheck check;
    check.token = refused ? AccountCheck::Token::refused : AccountCheck::Token::unknown;
    check.text = error.text;
    return check;
}

}  // namespace relevo
