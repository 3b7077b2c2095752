#include "models/spanish_words.hpp"

#include <algorithm>
#include <span>

namespace relevo {
namespace {

using Words = std::span<const std::string_view>;

constexpr std::string_view greetings[] = {"hola", "buenas", "buenos", "buen", "hey", "saludos", "ola"};
constexpr std::string_view small_talk[] = {
    "dia",   "dias", "tarde", "tardes", "noche", "noches", "que", "tal", "como", "estas", "esta",
    "estan", "va",   "andas", "andan",  "todo",  "bien",   "y",   "muy", "a",    "todos", "todas"};
constexpr std::string_view thanks[] = {"gracias",  "chau",    "genial", "buenisimo",
                                       "perfecto", "barbaro", "joya"};
constexpr std::string_view thanks_around[] = {"muchas", "mil",   "muchisimas", "ok",     "dale", "listo",
                                              "hasta",  "luego", "pronto",     "por",    "todo", "la",
                                              "ayuda",  "info",  "muy",        "amable", "y"};
// Words that say nothing about what is sought.
constexpr std::string_view empty_words[] = {
    "a",          "al",          "algo",        "algun",    "alguna",   "ando",      "asi",      "aca",
    "con",        "cual",        "cuales",      "como",     "cuando",   "de",        "del",      "desde",
    "donde",      "el",          "ella",        "en",       "es",       "esa",       "ese",      "eso",
    "esta",       "estan",       "estas",       "este",     "estoy",    "favor",     "gracias",  "gustaria",
    "haber",      "hay",         "hola",        "buenas",   "buenos",   "buen",      "dia",      "dias",
    "tarde",      "tardes",      "noche",       "noches",   "la",       "las",       "le",       "les",
    "lo",         "los",         "mas",         "me",       "mi",       "mis",       "mostrame", "muy",
    "necesito",   "necesita",    "no",          "nos",      "o",        "para",      "pero",     "podes",
    "podria",     "por",         "pasame",      "que",      "q",        "queria",    "quiero",   "quisiera",
    "saber",      "se",          "ser",         "si",       "sobre",    "son",       "su",       "sus",
    "te",         "tenes",       "tienen",      "tiene",    "tendran",  "tenen",     "tengo",    "tipo",
    "tu",         "un",          "una",         "unas",     "uno",      "unos",      "ustedes",  "vende",
    "venden",     "vendes",      "y",           "ya",       "yo",       "busco",     "buscaba",  "buscando",
    "ver",        "hacen",       "hace",        "puede",    "puedo",    "contame",   "consulta", "consultar",
    "decime",     "info",        "informacion", "interesa", "producto", "productos", "cosa",     "cosas",
    "recomendas", "recomendame", "recomiendan", "sirve",    "conviene"};
constexpr std::string_view attribute_words[] = {
    "precio",    "precios",    "cuanto",      "cuanta",   "cuantos", "cuantas", "sale",     "salen",
    "cuesta",    "cuestan",    "vale",        "valen",    "valor",   "costo",   "barato",   "barata",
    "caro",      "talle",      "talles",      "medida",   "medidas", "tamano",  "tamanos",  "numero",
    "color",     "colores",    "negro",       "negra",    "blanco",  "blanca",  "rosa",     "rojo",
    "roja",      "azul",       "verde",       "amarillo", "gris",    "marron",  "beige",    "piel",
    "stock",     "disponible", "disponibles", "envio",    "envios",  "marca",   "material", "oferta",
    "descuento", "peso",       "pesos",       "ars",      "dolares", "url",     "link",     "foto",
    "fotos"};

bool among(std::string_view word, Words words) {
    return std::ranges::find(words, word) != words.end();
}

bool all_among(const std::vector<std::string>& words, Words telling, Words around) {
    bool told = false;
    for (const auto& word : words) {
        const bool tells = among(word, telling);
        told |= tells;
        if (!tells && !among(word, around)) return false;
    }
    return told;
}

// The plain letter of a character in the Latin-1 block of UTF-8 (after 0xC3), or 0.
char plain_letter(unsigned char second) {
    const unsigned char lower = second >= 0x80 && second <= 0x9E ? second + 0x20 : second;
    switch (lower) {
        case 0xA0:
        case 0xA1:
        case 0xA2:
        case 0xA3:
        case 0xA4:
            return 'a';
        case 0xA7:
            return 'c';
        case 0xA8:
        case 0xA9:
        case 0xAA:
        case 0xAB:
            return 'e';
        case 0xAC:
        case 0xAD:
        case 0xAE:
        case 0xAF:
            return 'i';
        case 0xB1:
            return 'n';
        case 0xB2:
        case 0xB3:
        case 0xB4:
        case 0xB5:
        case 0xB6:
            return 'o';
        case 0xB9:
        case 0xBA:
        case 0xBB:
        case 0xBC:
            return 'u';
        default:
            return 0;
    }
}

}  // namespace

std::vector<std::string> spanish_words(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    const auto end_word = [&] {
        // No Spanish word ends in a double letter, but "holaaa" does.
        while (word.size() > 1 && word.back() >= 'a' && word.back() == word[word.size() - 2]) word.pop_back();
        if (!word.empty()) words.push_back(std::move(word));
        word.clear();
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        if (static_cast<unsigned char>(c) == 0xC3 && i + 1 < text.size()) {
            c = plain_letter(static_cast<unsigned char>(text[++i]));
        }
        const bool letter = c >= 'a' && c <= 'z';
        if (!letter && !(c >= '0' && c <= '9')) {
            end_word();
        } else {
            word += c;
        }
    }
    end_word();
    return words;
}

std::string spanish_stem(std::string_view word) {
    if (word.size() > 4 && word.ends_with("es")) {
        word.remove_suffix(2);
    } else if (word.size() > 3 && word.ends_with('s')) {
        word.remove_suffix(1);
    }
    if (word.size() > 3 && std::string_view("aeo").find(word.back()) != std::string_view::npos)
        word.remove_suffix(1);
    return std::string(word);
}

bool is_greeting(const std::vector<std::string>& words) {
    return all_among(words, greetings, small_talk);
}

bool is_thanks(const std::vector<std::string>& words) {
    return all_among(words, thanks, thanks_around);
}

bool opens_with_greeting(const std::vector<std::string>& words) {
    return !words.empty() && among(words.front(), greetings);
}

QuestionStems question_stems(const std::vector<std::string>& words) {
    QuestionStems stems;
    for (const auto& word : words) {
        if (among(word, empty_words)) continue;
        const bool number = word.find_first_not_of("0123456789") == std::string::npos;
        (number || among(word, attribute_words) ? stems.attribute : stems.subject)
            .push_back(spanish_stem(word));
    }
    return stems;
}

}  // namespace relevo
