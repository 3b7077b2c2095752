#include "domain/number_topic.hpp"

#include <initializer_list>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "domain/characters.hpp"

namespace relevo {
namespace {

using Words = std::unordered_set<std::string_view>;

constexpr int most_words = 5;  // between a number and the word that says what it is

// In plain letters, of Spanish, Portuguese and English.
const std::unordered_map<std::string_view, NumberTopic>& topics() {
    static const std::unordered_map<std::string_view, NumberTopic> all = [] {
        std::unordered_map<std::string_view, NumberTopic> out;
        const auto add = [&](NumberTopic topic, std::initializer_list<std::string_view> words) {
            for (const auto word : words) out.emplace(word, topic);
        };
        add(NumberTopic::phone,
            {"tel",          "tels",     "telefono",    "telefonos",    "telefonico",  "telefone",
             "tfno",         "tlf",      "telf",        "fono",         "fone",        "fijo",
             "fixo",         "fax",      "cel",         "celu",         "celus",       "celular",
             "celulares",    "cell",     "cellphone",   "movil",        "moviles",     "movel",
             "mobile",       "phone",    "phones",      "telephone",    "whatsapp",    "whatsap",
             "whats",        "watsap",   "wasap",       "guasap",       "wsp",         "wpp",
             "wapp",         "wap",      "wa",          "zap",          "zapzap",      "sms",
             "llamame",      "llamarme", "llamenme",    "llamen",       "llamar",      "llamas",
             "llama",        "llamanos", "ligar",       "ligue",        "liga",        "chama",
             "chamar",       "call",     "contacto",    "contato",      "escribime",   "escribeme",
             "escribirme",   "marcame",  "agendame",    "contactame",   "contactarme", "comunicate",
             "phone_number", "wa_id",    "phonenumber", "mobile_number"});
        add(NumberTopic::document,
            {"dni",        "documento",      "documentos",    "doc", "cedula", "cc",  "ci",  "identidad",
             "identidade", "identificacion", "identificacao", "rut", "run",    "nit", "cpf", "cnpj",
             "cuit",       "cuil",           "curp",          "rfc", "nie",    "nif", "rg",  "document",
             "cif"});
        add(NumberTopic::card,
            {"tarjeta", "tarjetas", "cartao", "visa", "mastercard", "master", "maestro", "amex", "american",
             "express", "credito", "debito", "card", "cabal", "naranja", "elo", "hipercard"});
        add(NumberTopic::reference,
            {"pedido",   "pedidos",  "orden",       "ordenes",     "order",       "orders",      "ordem",
             "compra",   "purchase", "factura",     "fatura",      "invoice",     "nf",          "nota",
             "guia",     "rastreo",  "rastreio",    "seguimiento", "tracking",    "track",       "codigo",
             "code",     "cod",      "sku",         "ref",         "referencia",  "reference",   "articulo",
             "artigo",   "art",      "item",        "modelo",      "model",       "lote",        "serie",
             "serial",   "ticket",   "reclamo",     "caso",        "chamado",     "protocolo",   "operacion",
             "operacao", "op",       "transaccion", "transacao",   "comprobante", "comprovante", "recibo",
             "remito",   "boleto",   "boleta",      "cupon",       "ean",         "gtin",        "isbn",
             "imei",     "barras",   "barcode",     "cep",         "cp",          "postal",      "expediente",
             "patente",  "chasis",   "id",          "producto",    "produto",     "product",     "cuenta",
             "paquete",  "pacote",   "package",     "parcel",      "sorteo"});
        add(NumberTopic::amount,
            {"ars",   "clp",    "cop",     "mxn",     "brl",         "eur",     "usd",    "uyu",
             "us",    "precio", "precios", "preco",   "price",       "total",   "cuesta", "cuestan",
             "custa", "sale",   "salen",   "valor",   "monto",       "importe", "saldo",  "pesos",
             "reais", "euros",  "dolares", "dollars", "presupuesto", "mide",    "pesa",   "stock"});
        return out;
    }();
    return all;
}

NumberTopic topic_of(const std::string& word) {
    const auto found = topics().find(word);
    if (found != topics().end()) return found->second;
    return word.ends_with("_id") ? NumberTopic::reference : NumberTopic::none;
}

bool is_filler(const std::string& word) {
    static const Words fillers{
        "es",          "e",           "is",     "are",      "my",         "mi",     "mis",     "el",
        "la",          "lo",          "los",    "o",        "a",          "al",     "de",      "del",
        "do",          "da",          "dos",    "nro",      "no",         "num",    "numero",  "numeros",
        "number",      "n",           "su",     "tu",       "seu",        "meu",    "minha",   "un",
        "una",         "com",         "con",    "este",     "esse",       "esta",   "aca",     "aqui",
        "les",         "te",          "paso",   "dejo",     "passo",      "va",     "por",     "en",
        "em",          "para",        "the",    "at",       "on",         "in",     "to",      "me",
        "ciudadania",  "extranjeria", "fiscal", "personal", "particular", "propio", "titular", "cliente",
        "comprador",   "actual",      "nuevo",  "novo",     "sera",       "seria",  "mio",     "principal",
        "alternativo", "laboral"};
    return fillers.contains(word);
}

bool is_number(const std::string& word) {
    static const Words numbers{"numero", "number", "nro", "num"};
    return numbers.contains(word);
}

bool is_mine(const std::string& word) {
    return word == "mi" || word == "meu" || word == "my";
}

// "12345678 es mi dni", "12345678, my id"
bool is_copula(const std::string& word) {
    static const Words copulas{"es", "e", "is", "sera", "seria", "era", "mi", "meu", "my"};
    return copulas.contains(word);
}

// Words that mean a document or a phone only where they stand before it: "250 cc", "1000 ci".
bool names_what_precedes(const std::string& word) {
    static const Words no{"cc", "ci", "rg", "run", "doc", "wa", "call", "liga", "llama", "llamas", "llamar"};
    return !no.contains(word);
}

bool is_measure(const std::string& word) {
    static const Words measures{"mil",        "lucas",    "palos",   "unidades", "uds",  "u",
                                "metros",     "mts",      "cm",      "mm",       "kg",   "gr",
                                "g",          "ml",       "km",      "mb",       "gb",   "puntos",
                                "seguidores", "millones", "milhoes", "vistas",   "likes"};
    return measures.contains(word);
}

NumberTopic topic_of_picture(std::string_view character) {
    for (const std::string_view phone : {"\U0001F4F1", "\U0001F4DE", "\u260E", "\U0001F4F2"}) {
        if (character == phone) return NumberTopic::phone;
    }
    return character == "\U0001F4B3" ? NumberTopic::card : NumberTopic::none;
}

// Between a number and the word before it. All that needs three bytes or more: arrows and pictures.
bool may_stand_before(std::string_view c) {
    if (c.size() > 2 || is_blank(c) || c == "\u00BA" || c == "\u00B0" || c == "\u00AA") return true;
    return std::string_view("\n\r:.=\"'*-(>").find(c) != std::string_view::npos;
}

bool is_money(std::string_view c) {
    return c == "$" || c == "\u20AC" || c == "\u00A3";
}

}  // namespace

NumberTopic topic_before(std::string_view text, std::size_t at) {
    bool first = true;
    bool line_before = false;
    bool of_number = false;  // "mi número", of nothing that is said
    std::size_t end = at;
    for (int words = 0; words <= most_words; ++words, first = false) {
        for (auto c = character_before(text, end); !c.empty(); c = character_before(text, end)) {
            if (is_money(c)) return first ? NumberTopic::amount : NumberTopic::none;
            if (c == "#" && first) return NumberTopic::reference;
            if (const auto pictured = topic_of_picture(c); pictured != NumberTopic::none) return pictured;
            if (!may_stand_before(c) && !(c == "," && first)) break;
            line_before = line_before || c == "\n";
            end -= c.size();
        }
        const PlainWord word = word_before(text, end);
        const NumberTopic topic = topic_of(word.text);
        // "quiero hacer un pedido\n11…": the next line is about something else
        if (line_before && !is_personal(topic) && topic != NumberTopic::none) return NumberTopic::none;
        if (topic != NumberTopic::none || !is_filler(word.text)) return topic;
        if (of_number && is_mine(word.text)) return NumberTopic::phone;
        of_number = is_number(word.text);
        end = word.at;
    }
    return NumberTopic::none;
}

NumberTopic topic_after(std::string_view text, std::size_t end) {
    bool said = true;  // nothing stands between, or that it is so
    bool copula = false;
    std::size_t at = end;
    for (int words = 0; words < most_words; ++words, said = copula) {
        for (auto c = character_at(text, at); !c.empty(); c = character_at(text, at)) {
            // "1155550101 $500": a price begins
            const bool ends_amount = c == "%" || c == "\u20AC" || (is_money(c) && at == end);
            if (words == 0 && ends_amount) return NumberTopic::amount;
            if (!is_blank(c) && std::string_view(":(-\"'*=").find(c) == std::string_view::npos) break;
            at += c.size();
        }
        const PlainWord word = word_at(text, at);
        if (words == 0 && is_measure(word.text)) return NumberTopic::amount;
        switch (const NumberTopic topic = topic_of(word.text)) {
            case NumberTopic::amount:
                return words == 0 ? topic : NumberTopic::none;
            case NumberTopic::reference:
                return copula ? topic : NumberTopic::none;
            case NumberTopic::phone:
            case NumberTopic::document:
            case NumberTopic::card:
                return said && names_what_precedes(word.text) ? topic : NumberTopic::none;
            case NumberTopic::none:
                break;
        }
        if (!is_filler(word.text) && !is_copula(word.text)) return NumberTopic::none;
        copula = copula || is_copula(word.text);
        at = word.end;
    }
    return NumberTopic::none;
}

NumberTopic topic_asked(std::string_view text) {
    NumberTopic asked = NumberTopic::none;
    bool of_reference = false;
    bool of_code = false;
    bool number = false;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] == '[') {  // a placeholder names what it stands for, and asks for nothing
            const auto end = text.substr(at, 24).find(']');
            at += end == std::string_view::npos ? 1 : end + 1;
            continue;
        }
        const PlainWord word = word_at(text, at);
        at = word.end > at ? word.end : at + character_at(text, at).size();
        const NumberTopic topic = topic_of(word.text);
        of_reference = of_reference || topic == NumberTopic::reference;
        of_code = of_code || word.text == "codigo" || word.text == "code";
        number = number || is_number(word.text);
        if (is_personal(topic) && names_what_precedes(word.text)) asked = topic;
    }
    if (asked != NumberTopic::none) return asked;  // "¿Me das tu teléfono para coordinar el pedido?"
    if (of_reference) return number || of_code ? NumberTopic::reference : NumberTopic::none;
    return number ? NumberTopic::phone : NumberTopic::none;
}

}  // namespace relevo
