#include "domain/redaction.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "core/random.hpp"

namespace relevo {
namespace {

Redaction all_hidden() {
    return Redaction(all_personal_kinds());
}

// A text as somebody may write it, with what must be hidden of it; each number has its right check digit.
struct Generated {
    std::string text;
    std::vector<std::string> personal;
};

std::string figures(SeededRandom& random, std::size_t count) {
    std::string out;
    while (out.size() < count) out += static_cast<char>('0' + random.below(10));
    return out;
}

std::string pick(SeededRandom& random, const std::vector<std::string>& of) {
    return of[random.below(of.size())];
}

std::string random_email(SeededRandom& random) {
    return pick(random, {"ana", "j.perez", "flor-r", "maria+loja", "b_88"}) + figures(random, 3) + "@" +
           pick(random, {"gmail.com", "hotmail.com.ar", "uol.com.br", "estudio-danza.es"});
}

std::string random_phone(SeededRandom& random) {
    const std::string four = figures(random, 3) + "1";
    return pick(random,
                {"+54 9 11 5" + figures(random, 3) + "-" + four, "+549115" + figures(random, 3) + four,
                 "11 5" + figures(random, 3) + "-" + four, "(11) 9" + figures(random, 3) + "7-" + four,
                 "+34 6" + figures(random, 2) + " 3" + figures(random, 1) + "5 " + figures(random, 2) + "1",
                 "301 1" + figures(random, 2) + " " + four});
}

std::string random_card(SeededRandom& random) {
    const std::string body = "4" + figures(random, 14);
    int sum = 0;
    for (std::size_t i = 0; i < body.size(); ++i) {
        const int digit = (body[i] - '0') * (i % 2 == 0 ? 2 : 1);
        sum += digit > 9 ? digit - 9 : digit;
    }
    const std::string card = body + static_cast<char>('0' + (10 - sum % 10) % 10);
    if (random.below(2) == 0) return card;
    return card.substr(0, 4) + " " + card.substr(4, 4) + " " + card.substr(8, 4) + " " + card.substr(12);
}

std::string random_document(SeededRandom& random) {
    const std::string body = std::to_string(10'000'000 + random.below(80'000'000));
    constexpr std::string_view letters = "TRWAGMYFPDXBNJZSQVHLCKE";
    return body + letters[static_cast<std::size_t>(std::stoi(body) % 23)];
}

Generated generated(SeededRandom& random) {
    static const std::vector<std::string> words{"hola",           "¿tienen puntas?",
                                                "talle 38",       "$98.500",
                                                "quiero 2 pares", "pedido 1155550101",
                                                "12/03",          "34, 35, 36",
                                                "gracias 😊",     "\n",
                                                "[EMAIL_1]",      "[foo] (bar)",
                                                "\xC3",           "3x2",
                                                "¡dale!",         "\xFF",
                                                "a las 10:30",    "[NATIONAL\\_ID\\_2]"};
    Generated out;
    const auto pieces = 1 + random.below(8);
    for (std::uint64_t i = 0; i < pieces; ++i) {
        std::string piece = pick(random, words);
        const auto kind = random.below(8);
        if (kind < 4) {
            piece = kind == 0   ? random_email(random)
                    : kind == 1 ? random_phone(random)
                    : kind == 2 ? random_card(random)
                                : random_document(random);
            out.personal.push_back(piece);
        }
        out.text += (i > 0 ? "; " : "") + piece;
    }
    return out;
}

// In parts of these sizes.
std::string streamed(const Redaction& redaction, std::string_view answer, SeededRandom& random) {
    RestoringStream stream(redaction);
    std::string out;
    while (!answer.empty()) {
        const auto part = answer.substr(0, 1 + random.below(7));
        answer.remove_prefix(part.size());
        out += stream.add(part);
    }
    return out + stream.rest();
}

}  // namespace

TEST_CASE("what is personal becomes placeholders, numbered by kind, the same for the same text") {
    auto redaction = all_hidden();
    CHECK(redaction.redact("soy ana@x.com, dni 30123456") == "soy [EMAIL_1], dni [NATIONAL_ID_1]");
    CHECK(redaction.redact("o bea@x.com; ana@x.com no") == "o [EMAIL_2]; [EMAIL_1] no");
    CHECK(redaction.redact("cel 4555-0101") == "cel [PHONE_1]");
    CHECK(redaction.redact("4539 1488 0343 6467 y ES91 2100 0418 4502 0005 1332") == "[CARD_1] y [IBAN_1]");
    CHECK(redaction.restore("Te escribo a [EMAIL_2] y [EMAIL_1].") == "Te escribo a bea@x.com y ana@x.com.");
    CHECK_FALSE(redaction.empty());
    CHECK(all_hidden().empty());
}

TEST_CASE("kinds that a shop does not hide stay, and nothing else is taken for them") {
    Redaction cards({PersonalKind::card});
    CHECK(cards.redact("ana@x.com, cel 4555-0101, 4539148803436467") == "ana@x.com, cel 4555-0101, [CARD_1]");
    Redaction phones({PersonalKind::phone});
    CHECK(phones.redact("dni 30123456, cuit 20123456786") == "dni 30123456, cuit 20123456786");
    Redaction none({});
    CHECK(none.redact("ana@x.com") == "ana@x.com");
    CHECK(none.empty());
}

TEST_CASE("what the shop itself says to its customers stays as it is") {
    auto redaction = all_hidden();
    redaction.keep("Local: tel. 4555-0101, Ventas@Pointe.example");
    CHECK(redaction.redact("¿el tel es 4555 0101 o ventas@pointe.example?") ==
          "¿el tel es 4555 0101 o ventas@pointe.example?");
    CHECK(redaction.redact("mi tel es 4555-0102") == "mi tel es [PHONE_1]");
}

TEST_CASE("a product's number stays, though it looks like a phone's") {
    auto redaction = all_hidden();
    redaction.keep("Media punta, SKU 612345678. Modelo 11-5555-0101, pieza 4539 1488 0343 6467.");
    for (const std::string_view text :
         {"quiero el 612345678", "¿hay 1155550101?", "4539148803436467 x 2", "la 11 5555-0101 en negro"}) {
        CAPTURE(text);
        CHECK(redaction.redact(text) == text);
    }
    CHECK(redaction.redact("612345679") == "[PHONE_1]");
}

TEST_CASE("a number that was called a phone once is one in every text of the conversation") {
    auto redaction = all_hidden();
    redaction.learn("¿van al 4555 0101?");
    redaction.learn("mi tel es 4555-0101");
    CHECK(redaction.redact("¿van al 4555 0101?") == "¿van al [PHONE_1]?");
    CHECK(redaction.redact("mi tel es 4555-0101") == "mi tel es [PHONE_2]");  // each as it was written
    CHECK(redaction.restore("[PHONE_1] [PHONE_2]") == "4555 0101 4555-0101");
}

TEST_CASE("a placeholder that somebody wrote stands for itself") {
    auto redaction = all_hidden();
    redaction.learn("¿qué es [EMAIL_1]? y [email\\_2], [Email 3]");
    CHECK(redaction.redact("soy ana@x.com, no [EMAIL_1]") == "soy [EMAIL_4], no [EMAIL_1]");
    CHECK(redaction.restore("[EMAIL_4], [EMAIL_1], [EMAIL_3]") == "ana@x.com, [EMAIL_1], [EMAIL_3]");
}

TEST_CASE("what is written right behind a backslash comes back behind it") {
    auto redaction = all_hidden();
    const std::string text = "C:\\ana@x.com y \\11 5555-0101\\";
    CHECK(redaction.restore(redaction.redact(text)) == text);
}

TEST_CASE("a model's own way to write a placeholder is understood, one that it made up stays") {
    auto redaction = all_hidden();
    redaction.redact("ana@x.com dni 30123456");
    for (const std::string_view text : {"[email_1]", "\\[EMAIL\\_1\\]", "[Email 1]", "[ EMAIL_1 ]",
                                        "[email-1]", "[EMAIL1]", "\\[ Email\\_1 \\]", "[EMAIL_1\\]"}) {
        CAPTURE(text);
        CHECK(redaction.restore(text) == "ana@x.com");
    }
    for (const std::string_view text : {"[National_Id_1]", "[NATIONAL\\_ID\\_1]", "[national id 1]"}) {
        CAPTURE(text);
        CHECK(redaction.restore(text) == "30123456");
    }
    for (const std::string_view text : {"[EMAIL_2]",
                                        "[EMAIL_01]",
                                        "[EMAIL_1",
                                        "EMAIL_1",
                                        "[EMAIL.1]",
                                        "[EMAIL_]",
                                        "[_1]",
                                        "[MAIL_1]",
                                        "[[EMAIL_1",
                                        "[EMAIL_1234567]",
                                        "[]",
                                        "[",
                                        "\\[",
                                        "\\",
                                        "[EMAIL_1\\",
                                        "[PHONE_1]",
                                        "[\xFF_1]",
                                        "[EMAIL\n_1]",
                                        "[                            EMAIL_1]",
                                        "[1]",
                                        "[ ]",
                                        "[EMAIL [1]"}) {
        CAPTURE(text);
        CHECK(redaction.restore(text) == text);
    }
    CHECK(redaction.restore("\\[EMAIL_1]") == "\\ana@x.com");
    CHECK(redaction.restore("[[EMAIL_1]](mailto:[EMAIL_1])") == "[ana@x.com](mailto:ana@x.com)");
}

TEST_CASE("JSON stays JSON: what is hidden of it is a string, and its escapes belong to no word") {
    auto redaction = all_hidden();
    CHECK(redaction.redact_json(R"([{"phone": 5491155550101, "email": "ana@x.com"}])") ==
          R"([{"phone": "[PHONE_1]", "email": "[EMAIL_1]"}])");
    CHECK(redaction.redact_json(R"({"text": "a \"b\"\nana@x.com", "wa_id": "5491155550101"})") ==
          R"({"text": "a \"b\"\n[EMAIL_1]", "wa_id": "[PHONE_1]"})");
    CHECK(redaction.redact_json(R"({"message_id": 612345678, "timestamp": "1731234567"})") ==
          R"({"message_id": 612345678, "timestamp": "1731234567"})");
    CHECK(redaction.redact_json(R"({"text": "\u001fana@x.com\u0031", "n": "\\ana@x.com"})") ==
          R"({"text": "\u001f[EMAIL_1]\u0031", "n": "\\[EMAIL_1]"})");
    CHECK(redaction.redact_json("\"\\") == "\"\\");
    CHECK(redaction.redact_json("") == "");
}

TEST_CASE("hidden and restored a text is what it was, hidden twice it is hidden once, and it shows nothing") {
    SeededRandom random(11);
    for (int round = 0; round < 3'000; ++round) {
        std::vector<Generated> texts;
        for (std::uint64_t i = 0; i < 1 + random.below(4); ++i) texts.push_back(generated(random));
        auto redaction = all_hidden();
        for (const auto& it : texts) redaction.learn(it.text);
        std::vector<std::string> shown;
        for (const auto& it : texts) shown.push_back(redaction.redact(it.text));
        for (std::size_t i = 0; i < texts.size(); ++i) {
            CAPTURE(texts[i].text);
            REQUIRE(redaction.restore(shown[i]) == texts[i].text);
            REQUIRE(redaction.redact(shown[i]) == shown[i]);
            REQUIRE(all_hidden().redact(shown[i]) == shown[i]);
            REQUIRE(streamed(redaction, shown[i], random) == texts[i].text);
            for (const auto& it : texts) {
                for (const auto& personal : it.personal) {
                    CAPTURE(personal);
                    REQUIRE(shown[i].find(personal) == std::string::npos);
                }
            }
        }
    }
}

TEST_CASE("an answer is restored while it is written, wherever its placeholders are cut") {
    auto redaction = all_hidden();
    redaction.redact("ana@x.com");
    RestoringStream stream(redaction);
    CHECK(stream.add("Te escribo a [EMA") == "Te escribo a ");
    CHECK(stream.add("IL_1") == "");
    CHECK(stream.add("], ¿sí?") == "ana@x.com, ¿sí?");
    CHECK(stream.add(" [esto no es ninguno de ellos,") == " ");
    CHECK(stream.add(" y sigue") == "[esto no es ninguno de ellos, y sigue");
    CHECK(stream.add(" \\") == " ");
    CHECK(stream.add("[EMAIL\\_1\\]\\") == "ana@x.com");
    CHECK(stream.rest() == "\\");
    CHECK(stream.rest() == "");
}

}  // namespace relevo
