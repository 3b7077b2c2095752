#include "domain/disclosure.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "core/random.hpp"

namespace relevo {
namespace {

constexpr std::string_view sentence = "Soy la asistente virtual de Danza.";

std::string in_parts(std::string_view answer, SeededRandom& random) {
    DisclosingStream stream(sentence);
    std::string out;
    for (std::size_t at = 0; at < answer.size();) {
        const auto size = 1 + random.below(4);
        out += stream.add(answer.substr(at, size));
        at += size;
    }
    return out + stream.rest();
}

}  // namespace

TEST_CASE("the sentence is a paragraph of its own before the answer") {
    CHECK(disclosed("Tenemos puntas.", sentence) == "Soy la asistente virtual de Danza.\n\nTenemos puntas.");
    CHECK(disclosed("Hola, soy la asistente.", " Soy Ana.\n") == "Soy Ana.\n\nHola, soy la asistente.");
}

TEST_CASE("an answer that begins with the sentence stays as it is, however the model wrote it") {
    for (const std::string answer :
         {"Soy la asistente virtual de Danza. Tenemos puntas.", "SOY LA  ASISTENTE\nVIRTUAL DE DANZA: hola",
          "¡Sóy la asistente virtual de Danza!", "**Soy la asistente virtual — de «Danza»**\n\nHola.",
          "\n soy la asistente virtual de danza"}) {
        CAPTURE(answer);
        CHECK(disclosed(answer, sentence) == answer);
    }
    CHECK(disclosed("Soy una máquina: hola", "Soy una ma\xCC\x81quina.") == "Soy una máquina: hola");
}

TEST_CASE("what only begins as the sentence does, or says it later, is no disclosure") {
    for (const std::string answer :
         {"Soy la asistente", "Soy la asistente virtual de Danzas.",
          "¡Hola! Soy la asistente virtual de Danza.", "Soy la asistente humana de Danza.", "Hola"}) {
        CAPTURE(answer);
        CHECK(disclosed(answer, sentence) == std::string(sentence) + "\n\n" + answer);
    }
}

TEST_CASE("without a sentence the answer stays as it is, and without an answer nothing is said") {
    CHECK(disclosed("Hola.", "") == "Hola.");
    CHECK(disclosed("Hola.", " \n") == "Hola.");
    CHECK(disclosed("", sentence).empty());
}

TEST_CASE("a sentence of signs alone, or of letters that we do not fold, is said too") {
    CHECK(disclosed("Hola.", "…") == "…\n\nHola.");
    CHECK(disclosed("🤖 Hola.", "🤖") == "🤖 Hola.");
    CHECK(disclosed("Hola.", "我是机器人。") == "我是机器人。\n\nHola.");
}

TEST_CASE("an answer that may become the sentence is kept back until it cannot, or has") {
    DisclosingStream other(sentence);
    CHECK(other.add("Soy la ").empty());
    CHECK(other.add("asesora") == "Soy la asistente virtual de Danza.\n\nSoy la asesora");
    CHECK(other.add(" de Danza.") == " de Danza.");
    CHECK(other.rest().empty());
    DisclosingStream itself(sentence);
    CHECK(itself.add("soy la asistente virtual de Danza").empty());
    CHECK(itself.add(".") == "soy la asistente virtual de Danza.");
    CHECK(itself.add(" Hola.") == " Hola.");
    DisclosingStream ends(sentence);
    CHECK(ends.add("Soy la asistente virtual de Danza").empty());
    CHECK(ends.rest() == "Soy la asistente virtual de Danza");
    DisclosingStream none("");
    CHECK(none.add("Soy") == "Soy");
    CHECK(none.rest().empty());
}

TEST_CASE("in parts an answer is disclosed as it is in one piece, wherever the parts are cut") {
    SeededRandom random(11);
    static constexpr std::string_view pieces[] = {
        "Soy la asistente virtual", " de Danza", ".", " ", "s", "é", "—", "🤖", "¡", "\n\n", "\xC3", "hola"};
    for (int round = 0; round < 2'000; ++round) {
        std::string answer;
        for (auto n = random.below(6); n > 0; --n) answer += pieces[random.below(std::size(pieces))];
        CAPTURE(answer);
        CHECK(in_parts(answer, random) == disclosed(answer, sentence));
    }
}

}  // namespace relevo
