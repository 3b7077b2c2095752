#include "models/offline.hpp"

#include <algorithm>

#include "core/blanks.hpp"
#include "core/utf8.hpp"
#include "models/spanish_words.hpp"

namespace relevo {
namespace {

constexpr std::size_t max_products = 3;
constexpr std::size_t max_quote = 240;  // code points; a bubble that reads at a glance
constexpr std::size_t max_facts = 4;
// A passage that fits half as well as the best one is about something else.
constexpr double least_share_of_best = 0.5;

// A passage as it is quoted: every piece is a view into it.
struct Quote {
    std::string_view title;
    std::string_view prose;
    std::vector<std::string_view> facts;  // "Precio: ARS 45.000"
    std::string_view url;
};

// "Talles: S, M": a short label, a colon and a value on one line.
bool is_fact(std::string_view line) {
    const auto colon = line.find(": ");
    return colon != std::string_view::npos && colon > 1 && colon <= 24 && line.size() <= max_quote &&
           line.substr(0, colon).find_first_of(".,;!?") == std::string_view::npos;
}

// Whole sentences where they fit, else whole words.
std::string_view shorten(std::string_view text) {
    if (count_code_points(text) <= max_quote) return text;
    const auto head = text.substr(0, prefix_of_code_points(text, max_quote));
    const auto sentence = head.find_last_of(".!?");
    if (sentence != std::string_view::npos && sentence > head.size() / 4) return head.substr(0, sentence + 1);
    return trimmed(head.substr(0, head.find_last_of(" \n")));
}

Quote read_quote(const Passage& passage) {
    Quote quote;
    quote.title = trimmed(passage.title);
    std::string_view rest = passage.text;
    while (!rest.empty()) {
        const auto end = std::min(rest.find('\n'), rest.size());
        const auto line = trimmed(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (line.starts_with("https://") || line.starts_with("http://")) {
            quote.url = line;
        } else if (is_fact(line)) {
            quote.facts.push_back(line);
        } else if (quote.prose.empty()) {
            quote.prose = shorten(line);
        }
    }
    // The price is what people ask for first.
    std::ranges::stable_partition(quote.facts, [](auto fact) { return fact.starts_with("Precio: "); });
    return quote;
}

std::string write_quote(const Passage& passage, bool as_item) {
    const auto quote = read_quote(passage);
    std::string out(as_item ? "• " : "");
    out += quote.title;
    if (!quote.prose.empty()) {
        if (!quote.title.empty()) out += ": ";
        out += quote.prose;
    }
    for (std::size_t i = 0; i < std::min(quote.facts.size(), max_facts); ++i) {
        out += i == 0 ? "\n" : " · ";
        out += quote.facts[i];
    }
    if (!quote.url.empty()) out.append("\n").append(quote.url);
    return out;
}

std::vector<std::string> stems_of(std::string_view text) {
    auto words = spanish_words(text);
    for (auto& word : words) word = spanish_stem(word);
    return words;
}

bool has(const std::vector<std::string>& stems, const std::string& stem) {
    return std::ranges::find(stems, stem) != stems.end();
}

// A search finds passages by any word. One that shares only a price or a colour with the question, or a stray
// word of it, answers another question. One that shares no word at all was found by a synonym or by its
// meaning.
bool is_about(const Passage& passage, const QuestionStems& asked) {
    if (asked.subject.empty()) return true;
    const auto title = stems_of(passage.title);
    const auto text = stems_of(passage.text);
    std::size_t subjects = 0;
    for (const auto& stem : asked.subject) {
        if (has(title, stem)) return true;
        subjects += has(text, stem);
    }
    const bool attributes = std::ranges::any_of(
        asked.attribute, [&](const auto& stem) { return has(title, stem) || has(text, stem); });
    if (subjects == 0 && !attributes) return true;
    return subjects * 2 >= asked.subject.size();
}

std::vector<Passage> choose(const std::vector<Passage>& passages, const std::vector<std::string>& words) {
    const auto asked = question_stems(words);
    std::vector<Passage> chosen;
    for (const auto& passage : passages) {
        if (is_about(passage, asked)) chosen.push_back(passage);
    }
    if (chosen.empty()) {
        // All share no more than an attribute with the question. Those that were found by a synonym, too,
        // stand out.
        const auto [least, best] = std::ranges::minmax(passages, {}, &Passage::score);
        if (best.score * least_share_of_best > least.score) chosen = passages;
    }
    const double best = chosen.empty() ? 0 : std::ranges::max(chosen, {}, &Passage::score).score;
    std::erase_if(chosen, [&](const auto& passage) { return passage.score < best * least_share_of_best; });
    if (chosen.size() > max_products) chosen.resize(max_products);
    return chosen;
}

}  // namespace

std::string offline_answer(const std::string& question, const std::vector<Passage>& passages) {
    const auto words = spanish_words(question);
    if (is_greeting(words)) {
        return "¡Hola! Qué lindo que nos escribas.\n\nContame qué estás buscando y me fijo qué tenemos.";
    }
    if (is_thanks(words)) return "¡De nada! Acá estoy para lo que necesites.";

    const auto found = passages.empty() ? passages : choose(passages, words);
    std::string out = opens_with_greeting(words) ? "¡Hola! " : "";
    if (found.empty()) {
        out +=
            "No encontré nada sobre eso en la información que tengo, y prefiero no inventarte.\n\n"
            "¿Me contás con otras palabras qué producto buscás? Así vuelvo a fijarme.";
        return out;
    }
    out += found.size() == 1 ? "Mirá, encontré esto:\n\n" : "Mirá, encontré estas opciones:\n\n";
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (i > 0) out += "\n";
        out += write_quote(found[i], found.size() > 1);
    }
    out += found.size() == 1 ? "\n\n¿Querés que te busque algo más?"
                             : "\n\n¿Querés que te cuente más de alguna?";
    return out;
}

OfflineProvider::OfflineProvider(Clock& clock, Millis pause) : clock_(clock), pause_(pause) {}

Task<Result<Completion>> OfflineProvider::complete(Prompt prompt, DeltaSink delta) {
    const SysTime until = clock_.now() + prompt.deadline;
    Completion completion;
    completion.text = offline_answer(prompt.question, prompt.passages);
    completion.finish_reason = "stop";
    completion.model = "offline";
    completion.usage = {static_cast<std::int64_t>((count_code_points(prompt.question) + 3) / 4),
                        static_cast<std::int64_t>((count_code_points(completion.text) + 3) / 4), false};

    std::string_view rest = completion.text;
    while (!rest.empty() && delta) {
        // A word with the blanks before it, so that the parts put together are the text.
        const auto word = std::min(rest.find_first_not_of(" \n"), rest.size());
        const auto end = std::min(rest.find_first_of(" \n", word), rest.size());
        delta(rest.substr(0, end));
        rest.remove_prefix(end);
        if (rest.empty() || pause_ <= Millis{0} || clock_.now() + pause_ >= until) continue;
        co_await clock_.sleep_until(clock_.now() + pause_);
    }
    co_return completion;
}

}  // namespace relevo
