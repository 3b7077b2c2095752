#include "http/strict_head.hpp"

#include <algorithm>

#include "http/ascii.hpp"

namespace relevo {
namespace {

constexpr std::string_view blank_line = "\r\n\r\n";

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

bool same(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trim(std::string_view value) {
    const auto first = value.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return value.substr(first, value.find_last_not_of(" \t") - first + 1);
}

std::string_view take_line(std::string_view& rest) {
    const auto end = rest.find("\r\n");
    const auto line = rest.substr(0, end);
    rest.remove_prefix(std::min(rest.size(), line.size() + 2));
    return line;
}

/// What the head's fields say about where the message ends and whom it is for.
struct Framing {
    int hosts = 0;
    int lengths = 0;
    int encodings = 0;
};

std::optional<std::string_view> request_line_fault(std::string_view line) {
    const auto method = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(line.size(), method.size() + 1));
    const auto target = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(line.size(), target.size() + 1));
    if (!is_token(method)) return "the method is none";
    const bool printable = std::ranges::all_of(target, [](char c) { return c > ' ' && c < 0x7f; });
    if (target.empty() || !printable) return "the request's target is none";
    if (line != "HTTP/1.1" && line != "HTTP/1.0") return "the request line does not end in HTTP/1.1";
    return std::nullopt;
}

std::optional<std::string_view> field_fault(std::string_view line, Framing& framing) {
    if (line.starts_with(' ') || line.starts_with('\t')) return "a header goes on in the next line";
    const auto colon = line.find(':');
    const auto name = line.substr(0, colon);
    if (colon == std::string_view::npos || !is_token(name)) return "a header's name is none";
    const auto value = trim(line.substr(colon + 1));
    if (std::ranges::any_of(value, is_control)) return "a header holds a control character";
    if (same(name, "host")) {
        ++framing.hosts;
        if (value.find_first_of(" \t,/@") != std::string_view::npos) return "Host is no host";
    }
    if (same(name, "content-length")) {
        ++framing.lengths;
        const bool digits = !value.empty() && value.find_first_not_of("0123456789") == std::string_view::npos;
        if (!digits || value.size() > 18) return "Content-Length is no number";
    }
    if (same(name, "transfer-encoding")) {
        ++framing.encodings;
        if (!same(value, "chunked")) return "Transfer-Encoding is not chunked";
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::size_t> end_of_head(std::string_view bytes, std::size_t from) {
    const auto at = bytes.find(blank_line, from < blank_line.size() ? 0 : from - blank_line.size());
    if (at == std::string_view::npos) return std::nullopt;
    return at + blank_line.size();
}

std::optional<std::string_view> line_fault(std::string_view head) {
    for (auto at = head.find_first_of("\r\n"); at != std::string_view::npos;
         at = head.find_first_of("\r\n", at + 2)) {
        if (head[at] == '\n') return "a line ends without a carriage return";
        if (at + 1 < head.size() && head[at + 1] != '\n') return "a carriage return ends no line";
    }
    return std::nullopt;
}

std::optional<std::string_view> head_fault(std::string_view head) {
    if (const auto fault = line_fault(head)) return fault;
    head.remove_suffix(std::min(head.size(), blank_line.size()));
    const auto request_line = take_line(head);
    if (const auto fault = request_line_fault(request_line)) return fault;
    Framing framing;
    while (!head.empty()) {
        if (const auto fault = field_fault(take_line(head), framing)) return fault;
    }
    const bool old = request_line.ends_with("1.0");
    if (framing.hosts > 1 || (framing.hosts == 0 && !old)) return "there is not one Host";
    if (framing.lengths > 1) return "Content-Length is there twice";
    if (framing.encodings > 1) return "Transfer-Encoding is there twice";
    if (framing.lengths + framing.encodings > 1)
        return "Content-Length and Transfer-Encoding contradict each other";
    if (framing.encodings > 0 && old) return "HTTP/1.0 has no Transfer-Encoding";
    return std::nullopt;
}

}  // namespace relevo
