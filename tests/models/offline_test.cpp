#include "models/offline.hpp"

#include <doctest/doctest.h>

#include "core/bubbles.hpp"
#include "tests/models/fakes.hpp"

namespace relevo {
namespace {

Passage product(std::string title, std::string text, double score) {
    return {"catalogue", std::move(title), std::move(text), score};
}

const Passage puntas = product(
    "Puntas Aurora",
    "Zapatillas de punta con caja media.\nTalles: 34 al 41\nPrecio: ARS 98.500\nhttps://p.test/a", 0.6);
const Passage leotardo =
    product("Leotardo Giselle", "Microfibra suave.\nColores: negro, rosa\nPrecio: ARS 31.900", 0.5);
const Passage medias = product("Medias convertibles", "Can can.\nPrecio: ARS 12.000", 0.1);

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a product that was found is quoted with its price, its sizes and its address") {
    const auto answer = offline_answer("Hola! tenés puntas?", {puntas});
    CHECK(answer.starts_with("¡Hola! "));
    for (const auto part : {"Puntas Aurora", "Zapatillas de punta con caja media.", "Precio: ARS 98.500",
                            "Talles: 34 al 41", "https://p.test/a"}) {
        CHECK(contains(answer, part));
    }
    CHECK(split_bubbles(answer, {}).size() == 3);
}

TEST_CASE("at most three products are quoted, those that fit best") {
    std::vector<Passage> many;
    for (int i = 0; i < 6; ++i)
        many.push_back(product("Puntas " + std::to_string(i), "Buenas.", 0.9 - 0.01 * i));
    const auto answer = offline_answer("puntas", many);
    CHECK(contains(answer, "Puntas 2"));
    CHECK_FALSE(contains(answer, "Puntas 3"));
    CHECK(split_bubbles(answer, {}).size() == 3);
}

TEST_CASE("a passage that fits far worse than the best is left out") {
    const auto answer = offline_answer("puntas y medias", {puntas, medias});
    CHECK(contains(answer, "Aurora"));
    CHECK_FALSE(contains(answer, "Medias"));
}

TEST_CASE("nothing found is said, and nothing invented") {
    for (const auto question : {"¿Tenés tutús?", "", "[imagen]"}) {
        const auto answer = offline_answer(question, {});
        CHECK(contains(answer, "No encontré nada"));
        CHECK(contains(answer, "¿Me contás"));
        CHECK_FALSE(contains(answer, "ARS"));
    }
}

TEST_CASE("passages that share only the word price or a stray word with the question do not answer it") {
    const std::vector<Passage> coffees{
        product("Café Huila", "Notas de panela, ideal para principiantes.\nPrecio: ARS 19.000", 0.1),
        product("Café Sidamo", "Floral.\nPrecio: ARS 23.000", 0.1)};
    CHECK(
        contains(offline_answer("¿Qué precio tienen las zapatillas de punta?", coffees), "No encontré nada"));
    CHECK(
        contains(offline_answer("zapatillas de punta para principiantes", {coffees[0]}), "No encontré nada"));
    CHECK(contains(offline_answer("precio del café?", coffees), "Huila"));
    CHECK(contains(offline_answer("¿qué precios tienen?", coffees), "Huila"));
}

TEST_CASE("what a synonym found is quoted, though it shares no word with the question") {
    CHECK(contains(offline_answer("¿venden mallas?", {leotardo}), "Leotardo Giselle"));
    const auto plain = product("Barra", "De madera.\nPrecio: ARS 80.000", 0.1);
    const auto answer = offline_answer("precio de las mallas", {leotardo, plain});
    CHECK(contains(answer, "Giselle"));
    CHECK_FALSE(contains(answer, "Barra"));
}

TEST_CASE("accents, capitals, plural and gender do not hide a product") {
    CHECK(contains(offline_answer("LEOTÁRDOS NEGROS", {leotardo}), "Giselle"));
    CHECK(contains(offline_answer("media convertible", {medias}), "Medias"));
}

TEST_CASE("a greeting is greeted whatever was found, and a greeting with a question is answered") {
    for (const auto greeting : {"hola", "¡Holaaa!", "Buenas tardes, ¿cómo estás? 😊", "hola\nbuen día"}) {
        const auto answer = offline_answer(greeting, {medias});
        CHECK(answer.starts_with("¡Hola!"));
        CHECK_FALSE(contains(answer, "Medias"));
    }
    CHECK(contains(offline_answer("buenas, tenés medias?", {medias}), "Medias"));
    CHECK(offline_answer("muchas gracias!!", {}).starts_with("¡De nada!"));
}

TEST_CASE("every line about a product stands in its passage") {
    const auto answer = offline_answer("puntas o leotardo", {puntas, leotardo});
    const auto bubbles = split_bubbles(answer, {});
    REQUIRE(bubbles.size() == 3);
    std::string known =
        "\n" + puntas.title + "\n" + puntas.text + "\n" + leotardo.title + "\n" + leotardo.text;
    std::string rest = bubbles[1];
    for (const std::string_view separator : {"• ", ": ", " · ", "\n"}) {
        for (auto at = rest.find(separator); at != std::string::npos; at = rest.find(separator)) {
            rest.replace(at, separator.size(), "|");
        }
    }
    for (std::size_t at = 0; at < rest.size();) {
        const auto end = std::min(rest.find('|', at), rest.size());
        CHECK_MESSAGE(contains(known, rest.substr(at, end - at)), rest.substr(at, end - at));
        at = end + 1;
    }
}

TEST_CASE("a long passage is cut after a sentence") {
    std::string text;
    for (int i = 0; i < 40; ++i) text += "Una frase más.";
    const auto answer = offline_answer("envíos", {product("Envíos", text, 1)});
    CHECK(answer.size() < 500);
    CHECK(contains(answer, "frase más.\n\n"));
}

TEST_CASE("the answer is streamed word by word, with a pause between two words, and the same every time") {
    SkippingClock clock;
    OfflineProvider provider(clock, Millis{25});
    Prompt prompt;
    prompt.question = "puntas";
    prompt.passages = {puntas};
    std::string streamed;
    int parts = 0;
    const auto started = clock.now();
    const auto answer = run(provider.complete(prompt, [&](std::string_view part) {
        streamed += part;
        ++parts;
    }));
    REQUIRE(answer.has_value());
    CHECK(streamed == answer->text);
    CHECK(answer->text == offline_answer(prompt.question, prompt.passages));
    CHECK(parts > 10);
    CHECK(clock.sleeps == parts - 1);
    CHECK(clock.now() - started == Millis{25} * (parts - 1));
    CHECK(answer->finish_reason == "stop");
    CHECK(answer->usage.output_tokens > 0);
}

TEST_CASE("without a pause, or past the deadline, nothing waits") {
    SkippingClock clock;
    Prompt prompt;
    prompt.question = "puntas";
    OfflineProvider at_once(clock, Millis{0});
    CHECK(run(at_once.complete(prompt, [](std::string_view) {})).has_value());
    CHECK(clock.sleeps == 0);
    prompt.deadline = Millis{100};
    OfflineProvider slow(clock, Millis{25});
    const auto started = clock.now();
    CHECK(run(slow.complete(prompt, [](std::string_view) {})).has_value());
    CHECK(clock.now() - started < Millis{100});
}

}  // namespace relevo
