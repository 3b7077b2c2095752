#include "models/openai_errors.hpp"

#include <fmt/format.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "core/utf8.hpp"

namespace relevo {
namespace {

constexpr std::size_t max_text = 300;
// A provider that asks for more than a day has a fault of its own; it also keeps the arithmetic in range.
constexpr double max_retry_after_ms = 86'400'000;

std::string text_of(const rapidjson::Value& object, const char* name) {
    const auto member = object.FindMember(name);
    if (member == object.MemberEnd()) return {};
    if (member->value.IsString()) return {member->value.GetString(), member->value.GetStringLength()};
    return member->value.IsInt() ? std::to_string(member->value.GetInt()) : std::string();
}

OpenAiFault fault_of(const rapidjson::Value& object) {
    return {text_of(object, "message"), text_of(object, "type"), text_of(object, "code"),
            text_of(object, "param")};
}

bool ends_key(char c) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return !word && std::string_view("-_.*+/=…").find(c) == std::string_view::npos;
}

// Replaces the key itself and every word that begins as keys do.
std::string redact(std::string text, const std::string& key) {
    constexpr std::string_view hidden = "[redacted]";
    for (const std::string_view start : {"Bearer ", "bearer ", "sk-", "AIza", "gsk_", "xai-"}) {
        for (std::size_t at = 0; (at = text.find(start, at)) != std::string::npos; at += hidden.size()) {
            auto end = at + start.size();
            while (end < text.size() && !ends_key(text[end])) ++end;
            text.replace(at, end - at, hidden);
        }
    }
    if (!key.empty()) {
        for (std::size_t at = 0; (at = text.find(key, at)) != std::string::npos; at += hidden.size()) {
            text.replace(at, key.size(), hidden);
        }
    }
    return text;
}

std::string tidy(std::string_view said, const std::string& key) {
    auto text = redact(clean_utf8(said), key);
    std::ranges::replace_if(
        text, [](char c) { return c >= 0 && c < ' '; }, ' ');
    if (count_code_points(text) > max_text)
        text = text.substr(0, prefix_of_code_points(text, max_text)) + "…";
    return text;
}

struct Meaning {
    Fault fault;
    std::string_view code;
    std::string_view advice;
};
constexpr Meaning bad_key{Fault::permanent, "model.bad_key", "check the shop's key and what it may use"};
constexpr Meaning quota{Fault::permanent, "model.quota", "the key's account has no credit left"};
constexpr Meaning rate_limited{Fault::transient, "model.rate_limited", "tried again later"};
constexpr Meaning bad_request{Fault::permanent, "model.bad_request",
                              "check the agent's model and base address"};
constexpr Meaning unavailable{Fault::transient, "model.unavailable", "tried again later"};
constexpr Meaning timeout{Fault::transient, "model.timeout", "tried again later"};
constexpr Meaning refused{Fault::permanent, "model.refused", "the provider's policy does not let it answer"};

bool says(const OpenAiFault& fault, std::string_view word) {
    return fault.code.find(word) != std::string::npos || fault.type.find(word) != std::string::npos;
}

Meaning meaning_of(int status, const OpenAiFault& fault) {
    if (says(fault, "insufficient_quota") || says(fault, "billing") || status == 402) return quota;
    switch (status) {
        case 401:
        case 403:
            return bad_key;
        case 408:
        case 504:
            return timeout;
        case 409:
            return unavailable;
        case 429:
            return rate_limited;
        default:
            break;
    }
    if (status >= 500) return unavailable;
    if (says(fault, "content_policy") || says(fault, "content_filter")) return refused;
    if (status >= 300) return bad_request;
    // Inside a stream only the words are left.
    if (says(fault, "rate_limit")) return rate_limited;
    if (says(fault, "authentication") || says(fault, "api_key")) return bad_key;
    if (says(fault, "invalid_request") || says(fault, "context_length")) return bad_request;
    return unavailable;
}

int status_of_code(const OpenAiFault& fault) {
    int status = 0;
    std::from_chars(fault.code.data(), fault.code.data() + fault.code.size(), status);
    return status >= 400 && status < 600 ? status : 0;
}

std::optional<Millis> millis_of(std::string_view text, double unit_ms) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !(value >= 0)) return std::nullopt;
    return Millis{static_cast<std::int64_t>(std::ceil(std::min(value * unit_ms, max_retry_after_ms)))};
}

}  // namespace

std::optional<OpenAiFault> read_openai_fault(std::string_view json) {
    rapidjson::Document document;
    const auto clean = clean_json_escapes(json);
    document.Parse<rapidjson::kParseIterativeFlag>(clean.data(), clean.size());
    if (document.HasParseError()) return std::nullopt;
    const rapidjson::Value* value = &document;
    if (value->IsArray() && !value->Empty()) value = &(*value)[0];
    if (!value->IsObject()) return std::nullopt;
    const auto error = value->FindMember("error");
    if (error != value->MemberEnd() && error->value.IsObject()) return fault_of(error->value);
    if (error != value->MemberEnd() && error->value.IsString()) {
        return OpenAiFault{.message = error->value.GetString(), .type = {}, .code = {}, .param = {}};
    }
    if (text_of(*value, "object") == "error") return fault_of(*value);
    return std::nullopt;
}

std::string host_of(std::string_view url) {
    if (const auto scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
    url = url.substr(0, url.find_first_of("/?#"));
    if (const auto user = url.rfind('@'); user != std::string_view::npos) url.remove_prefix(user + 1);
    return std::string(url);
}

Error network_error(std::string_view host, const HttpFault& fault, bool late, bool started) {
    if (fault.refused) {
        return {Fault::permanent, "model.bad_address",
                fmt::format(
                    "{}; check the agent's base_url; the operator may list a host of the own network under "
                    "trusted_addresses",
                    fault.text)};
    }
    if (late)
        return {Fault::transient, "model.timeout", fmt::format("{} took too long: {}", host, fault.text)};
    if (started) {
        return {Fault::transient, "model.broken_stream",
                fmt::format("{} broke off its answer: {}", host, fault.text)};
    }
    return {Fault::transient, "model.unavailable", fmt::format("{} is not reachable: {}", host, fault.text)};
}

Error openai_error(std::string_view host, int status, const OpenAiFault& fault,
                   std::optional<Millis> retry_after, const std::string& key) {
    const auto meaning = meaning_of(status == 0 ? status_of_code(fault) : status, fault);
    auto text = status == 0 ? fmt::format("{} broke off its answer", host)
                            : fmt::format("{} answered {}", host, status);
    const auto& name = fault.code.empty() ? fault.type : fault.code;
    const auto said = tidy(name.empty() ? fault.message : name + ": " + fault.message, key);
    if (!said.empty()) text += fmt::format(" ({})", said);
    text += fmt::format("; {}", meaning.advice);
    return {meaning.fault, std::string(meaning.code), std::move(text),
            meaning.fault == Fault::transient ? retry_after : std::nullopt};
}

std::string without_quotes(std::string_view text, const std::vector<PromptMessage>& messages) {
    constexpr std::size_t shortest = 12;  // bytes; less may be a word of the provider's own
    const auto is_quoted = [&](std::string_view piece) {
        return std::ranges::any_of(
            messages, [&](const auto& message) { return message.text.find(piece) != std::string::npos; });
    };
    std::string out;
    std::size_t done = 0;  // what is before is told, or left out
    for (std::size_t at = 0; at + shortest <= text.size(); ++at) {
        if (!is_quoted(text.substr(at, shortest))) continue;
        if (at > done || done == 0) out.append(text.substr(done, at - done)).append("[…]");
        done = at + shortest;
    }
    return clean_utf8(out.append(text.substr(done)));
}

std::optional<Millis> read_retry_after(const HttpHeaders& headers) {
    const HttpRequest lookup{
        .method = {}, .target = {}, .path = {}, .headers = headers, .body = {}, .peer = {}};
    const auto exact = millis_of(lookup.header("retry-after-ms"), 1);
    return exact ? exact : millis_of(lookup.header("retry-after"), 1'000);
}

}  // namespace relevo
