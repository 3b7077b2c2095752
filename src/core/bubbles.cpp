#include "core/bubbles.hpp"

#include <algorithm>

#include "core/blanks.hpp"
#include "core/utf8.hpp"

namespace relevo {
namespace {

std::size_t measure(std::string_view text, TextLimit::Unit unit) {
    if (unit == TextLimit::Unit::bytes) return text.size();
    std::size_t count = count_code_points(text);
    if (unit == TextLimit::Unit::utf16_units) {
        count += static_cast<std::size_t>(
            std::count_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0xF0; }));
    }
    return count;
}

// The longest prefix within the limit, cut between characters.
std::size_t longest_prefix(std::string_view text, TextLimit limit) {
    std::size_t end = prefix_of_code_points(text, limit.max);
    while (end > 0 && measure(text.substr(0, end), limit.unit) > limit.max) {
        do --end;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80);
    }
    return end;
}

// Where to cut `text`, of which `end` bytes fit: after the last sentence, else at the last space, else there.
std::size_t best_cut(std::string_view text, std::size_t end) {
    for (std::size_t i = end; i > end / 4; --i) {
        const bool ends_sentence = std::string_view(".!?\n").find(text[i - 1]) != std::string_view::npos;
        if (ends_sentence && (i == text.size() || blanks.find(text[i]) != std::string_view::npos)) return i;
    }
    const auto space = text.substr(0, end + 1).find_last_of(blanks);
    return space == std::string_view::npos || space == 0 ? end : space;
}

// A line of nothing but blanks ends a paragraph.
std::vector<std::string_view> paragraphs(std::string_view text) {
    std::vector<std::string_view> out;
    std::size_t start = 0;
    std::size_t line = 0;
    while (line <= text.size()) {
        const auto stop = std::min(text.find('\n', line), text.size());
        if (trimmed(text.substr(line, stop - line)).empty()) {
            const auto part = trimmed(text.substr(start, line - start));
            if (!part.empty()) out.push_back(part);
            start = stop;
        }
        line = stop + 1;
    }
    const auto rest = trimmed(text.substr(std::min(start, text.size())));
    if (!rest.empty()) out.push_back(rest);
    return out;
}

}  // namespace

std::vector<std::string> split_bubbles(std::string_view answer, TextLimit limit, std::size_t max_bubbles) {
    std::vector<std::string> bubbles;
    for (auto part : paragraphs(answer)) {
        while (measure(part, limit.unit) > limit.max) {
            const auto cut = best_cut(part, longest_prefix(part, limit));
            if (cut == 0) break;
            const auto head = trimmed(part.substr(0, cut));
            if (!head.empty()) bubbles.emplace_back(head);
            part = trimmed(part.substr(cut));
        }
        if (!part.empty()) bubbles.emplace_back(part);
    }
    while (bubbles.size() > max_bubbles) {
        std::string joined = bubbles[bubbles.size() - 2] + "\n\n" + bubbles.back();
        if (measure(joined, limit.unit) > limit.max) break;
        bubbles.pop_back();
        bubbles.back() = std::move(joined);
    }
    return bubbles;
}

}  // namespace relevo
