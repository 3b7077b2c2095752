#include "domain/personal_text.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace relevo {
namespace {

// What is to be found stands in braces behind its kind: {E:mail}, {P:phone}, {C:card}, {I:IBAN}, {N:national
// id}. All numbers are invented, with right check digits.
constexpr std::string_view personal[] = {
    "mi mail es {E:ana.perez@gmail.com}",
    "mandame la factura a {E:juan_perez84@hotmail.com} por favor",
    "{E:carla@estudio-danza.com.ar}",
    "Correo: {E:ventas.mostrador@empresa.com.mx}.",
    "Meu email é {E:joao.silva@uol.com.br}, obrigado!",
    "o e-mail da minha esposa: {E:maria+loja@gmail.com}",
    "my email is {E:John.Smith@example.co.uk}",
    "anotá: {E:flor-rodriguez@yahoo.com.ar} y {E:caro@live.com}",
    "¿me llega a {E:beto@outlook.es}?",
    "({E:ana@x.io})",
    "mail:{E:lucia.m@icloud.com}",
    "escribime a <{E:pedro@correo.cl}> cualquier cosa",
    "es {E:ana@gmail} creo",
    "{E:sofi123@gmail,com} ese es",
    "{E:sofi @gmail.com}",
    "mi correo es {E:luis arroba gmail punto com}",
    "mail {E:maria punto gomez arroba hotmail punto com} gracias",
    "{E:luis(at)gmail.com}",
    "{E:josé.núñez@gmail.com} con tilde",
    "te paso los dos: {E:a1@b.co},{E:a2@b.co}",
    "quiero la factura con CUIT {N:20-30123456-3} y mail {E:admin@pyme.com.ar}",
    "MAIL {E:ANA.LOPEZ@GMAIL.COM}",
    "\"{E:ana@danza.org}\"",
    "mi usuario es {E:ana_88@proton.me} 😊",
    "{E:ana@mail.example}!!!",
    "pode mandar o pix pro {E:ana.souza@gmail.com}",
    "invoice to {E:billing@studio.dance} please",
    "¿la promo llega al mail {E:moni.r@fibertel.com.ar} o no?",
    "te dejo mi correo 👉 {E:tati@gmail.com}",
    "no es gmail es {E:rodri.99@hotmail.es}",
    "mi número es {P:+54 9 11 5555-0101}",
    "{P:+5491155550101}",
    "llamame al {P:11 5555-0101}",
    "mi cel: {P:1155550101}",
    "cel {P:15 5555 0101}",
    "{P:(011) 5555-0101} es el de la academia",
    "el fijo es {P:4555-0101}",
    "tel. {P:4555 0101}",
    "{P:0351 15 555 0101}",
    "soy de Córdoba, {P:351 555-0101}",
    "mi whatsapp es {P:3515550101}",
    "wsp {P:2944 12-3456}",
    "{P:0221-15-555-0101}",
    "{P:(0351) 155-550101} preguntar por Ana",
    "{P:54 11 5555 0101}",
    "escribime por whatsapp {P:549 11 5555 0101}",
    "te dejo mi número: {P:011 15 5555 0101}",
    "mi celular es {P:11-5555-0101} gracias!!",
    "{P:11-5555-0102} es mi celu",
    "Tel/WhatsApp: {P:+54 (11) 5555-0101}",
    "cel{P:1155550102}",
    "meu zap é {P:(11) 98765-4321}",
    "{P:11 98765-4321} pode chamar",
    "{P:11987654321}",
    "meu telefone: {P:+55 21 99876-5432}",
    "me chama no {P:98765-4321}",
    "liga pra mim {P:+55 (31) 9 8765-4321}",
    "celular {P:31 9 8765-4321}",
    "fone fixo {P:(11) 3456-7890}",
    "contato: {P:5511987654321}",
    "mi numero es {P:+56 9 8765 4321}",
    "{P:9 8765 4321} es de mi mamá",
    "{P:987654321}",
    "fono {P:22 345 6789}",
    "whatsapp {P:56987654321}",
    "mi cel es {P:300 123 4567}",
    "{P:3001234567}",
    "{P:320-123-4567} por favor",
    "llámame al {P:+57 310 123 4567}",
    "teléfono fijo {P:(601) 234 5678}",
    "wp {P:601 2345678}",
    "mi número es el {P:55 1234 5678}",
    "{P:5512345678}",
    "márcame al {P:+52 1 55 1234 5678}",
    "{P:+52 55 1234 5678}",
    "cel {P:55 12 34 56 78}",
    "{P:33 1234 5678} es de Guadalajara",
    "tel {P:01 55 1234 5678}",
    "mi móvil es {P:612 345 678}",
    "{P:612345678}",
    "{P:612 34 56 78}",
    "{P:+34 612 345 678}",
    "{P:0034 612 345 678}",
    "el fijo {P:91 234 56 78}",
    "{P:93 123 45 67} (tardes)",
    "my phone is {P:+1 415 555 0132}",
    "call me at {P:415-555-0132}",
    "{P:+598 99 123 456} soy de Uruguay",
    "📱 {P:1155550101}",
    "☎️ {P:4555-0101}",
    "{P:1155550101} es mi celular",
    "{P:4555-0101} (teléfono)",
    "{P:+54 9 11 5555‑0101} pegado de WhatsApp",
    "escribime: https://wa.me/{P:5491155550101}",
    "los dos: {P:1155550101},{P:1144440202}",
    "llamame al {P:1155550101} o al {P:1155550102}",
    "talle 38, mi cel {P:11 5555-0101}, gracias",
    "2 pares de 38 y mi cel es {P:11 5555 0101} 👍",
    "celu nuevo {P:2615550101}",
    "mi contacto {P:2215550101}",
    "cel. del papá: {P:3415550101}",
    "fijo: {P:0341 455-0101}",
    "mi tel {P:455-0101}",
    "mi número es {P:4555-0101}",
    "quiero hacer un pedido\n{P:1155550101}",
    "del pedido 1155550101 no sé nada, {P:1155550102} es mi celular",
    "{P:1155550101} $500 de seña",
    "{C:4539 1488 0343 6467}",
    "mi tarjeta es {C:4539148803436467}",
    "pagué con la {C:4539-1488-0343-6467}",
    "visa {C:4222222222222}",
    "amex {C:3782 822463 10005}",
    "{C:378282246310005}",
    "diners {C:3056 930902 5904}",
    "cartão {C:5200 8282 8282 8210} validade 12/28",
    "número do cartão: {C:5200828282828210}",
    "{C:6363 6800 0045 7132} é elo",
    "card number {C:2223003133224569} exp 11/27 cvv 123",
    "tarjeta naranja {C:5895621234567899}",
    "la de débito: {C:4012888888881881219}",
    "hipercard {C:6062 8256 7812 3458}",
    "te paso la tarjeta {C:4539.1488.0343.6467}",
    "💳 {C:4539148803436467}",
    "¿puedo pagar con {C:5200828282828210}?",
    "cobrámelo a la {C:5200 8282 8282 8210} de mi marido",
    "tarjeta, {C:2223 0031 3322 4569}",
    "credito {C:6363680000457132} a nombre de Ana",
    "transferime a {I:ES91 2100 0418 4502 0005 1332}",
    "IBAN: {I:ES9121000418450200051332}",
    "mi iban es {I:es91 2100 0418 4502 0005 1332}",
    "a conta é {I:BR1800360305000010009795493C1}",
    "{I:DE89 3704 0044 0532 0130 00} (Deutsche Bank)",
    "{I:GB82 WEST 1234 5698 7654 32}",
    "cuenta {I:ES91-2100-0418-4502-0005-1332} titular Ana",
    "devolución al {I:ES9121000418450200051332} gracias",
    "my account: {I:DE89370400440532013000}.",
    "el {I:FR1420041010050500013M02606} es de mi hermana",
    "mi dni es {N:30.123.456}",
    "DNI {N:30123456}",
    "dni: {N:5123456}",
    "d.n.i. {N:28.999.111}",
    "documento {N:30 123 456}",
    "mi número de documento es {N:30123456}",
    "{N:30123456} es mi dni",
    "DNI-{N:30123456}",
    "dni nro. {N:30.123.456} a nombre de Ana",
    "a nombre de Ana Pérez, DNI {N:30123456}, calle Falsa 123",
    "mi cuit es {N:20-30123456-3}",
    "CUIL {N:27289991110}",
    "factura A a {N:30-71234567-1}",
    "{N:23351112220}",
    "cuit {N:20-30.123.456-3}",
    "{N:27 28999111 0} cuil",
    "meu cpf é {N:529.982.247-25}",
    "CPF {N:11144477735} na nota",
    "cpf: {N:398 765 432 53}",
    "{N:52998224725}",
    "{N:398765432-53} é o cpf da minha mãe",
    "nosso cnpj {N:11.222.333/0001-81}",
    "{N:11222333000181} é o CNPJ da academia",
    "cnpj novo: {N:12.ABC.345/01DE-35}",
    "rg {N:12.345.678-9}",
    "mi rut es {N:12.345.678-5}",
    "RUT {N:7654321-6}",
    "{N:15.000.005-K}",
    "rut: {N:15000005-k}",
    "boleta a {N:20.347.878-K} gracias",
    "rut {N:123456785}",
    "cc {N:1020304050}",
    "cédula {N:1.020.304.050}",
    "mi cédula de ciudadanía es {N:52345678}",
    "C.C. {N:79.456.123}",
    "cedula No. {N:1020304050}",
    "nit {N:900.123.456-8}",
    "NIT {N:800197268-4}",
    "facturar a {N:800.197.268-4}",
    "nit {N:1.020.304.050-8}",
    "mi curp es {N:GODE561231HDFRRN00}",
    "{N:maar790213mnlrlf08}",
    "RFC {N:GODE561231GR8}",
    "rfc: {N:GODE-561231-GR8}",
    "factura para {N:ABC010203AB9} uso G03",
    "mi RFC {N:PEÑA800101XY9}",
    "DNI {N:12345678Z}",
    "{N:44556677-L} es mi dni",
    "nif {N:12.345.678-Z}",
    "mi NIE es {N:X1234567L}",
    "{N:Y-7654321-G}",
    "dni {N:12345678 z} y listo",
    "CIF {N:B12345674}",
    "nuestro CIF es {N:B-12345674}, gracias",
    "nif: {N:Q2826000H}",
    "envío a Ana, DNI {N:30123456}, cel {P:1155550101}, {E:ana@x.com}",
    "Nombre: Ana\nDNI: {N:30123456}\nTel: {P:4555-0101}",
    "mi dni\n{N:30123456}",
    "pedido 1155550101 a nombre de dni {N:30123456}",
};

// As many digits, signs and letters, and nobody's.
constexpr std::string_view nobodys[] = {
    "hola, ¿tienen puntas?",
    "talle 38 o 39",
    "quiero 2 pares",
    "38 39 40 41",
    "34, 35, 36, 37, 38, 39, 40, 41",
    "¿del 34 al 41?",
    "sale $98.500",
    "cuesta 98500 pesos",
    "son $ 1.155.550.101",
    "precio 30.123.456",
    "$30.123.456",
    "30.123.456 pesos",
    "total 12345678",
    "me sale 1155550101 pesos",
    "tengo 12345678 puntos",
    "pedido 1155550101",
    "mi pedido es el 1155550101",
    "pedido nro 3001234567",
    "pedido #1155550101",
    "#1155550101",
    "orden 612345678",
    "número de orden: 987654321",
    "la orden 11987654321 no llegó",
    "guía 1155550101",
    "código de seguimiento 360000012345678",
    "tracking 4539148803436467",
    "el código es 5512345678",
    "SKU 612345678",
    "sku: 1155550101",
    "SKU-612345678",
    "PUN-612345678",
    "PUN-AUR",
    "ref. 3001234567",
    "art 612345678",
    "artículo 987654321",
    "factura 0001-00001234",
    "factura B 0003-00012345",
    "nota fiscal 987654321",
    "pedido numero 2000001234567890",
    "compra 2000001234567890",
    "el ticket 612345678",
    "reclamo 11987654321",
    "operación 12345678901",
    "comprobante 1155550101",
    "código postal 1425",
    "C.P. 01310",
    "cep 01310-100",
    "CEP 01310100",
    "vivo en Av. Corrientes 1234 piso 5",
    "calle 50 nro 1234 entre 7 y 8",
    "Rua Augusta 1500 apto 32",
    "cra 15 # 93-47",
    "12/03/2024",
    "2024-11-22",
    "22-11-2024",
    "22.11.2024",
    "el 22/11/2024 a las 10:30",
    "10:30 a 19:00",
    "de 9 a 18",
    "nací el 05-11-1990",
    "2023-2024",
    "temporada 2024-2025",
    "años 2019 2020 2021 2022",
    "100%",
    "descuento del 20%",
    "3x2",
    "2x1 en medias",
    "12 cuotas de $8.208",
    "6 cuotas de 16.416,67",
    "120 x 60 x 45",
    "120x60cm",
    "42 x 26 x 20 cm",
    "1,20 m",
    "60 deniers",
    "9 kg",
    "peso 65 kg y mido 1.70",
    "tengo 34 años",
    "somos 25 alumnas",
    "250 ml o 500 ml",
    "¿hay de 250 300 350?",
    "350 500 1000",
    "250 300 1200",
    "1000 - 2000",
    "1000-2000",
    "entre 15000 y 30000",
    "de 1.000.000 a 2.000.000",
    "R$ 1.234,56",
    "são R$ 98,50",
    "custa 12345678",
    "US$ 1200",
    "€ 612345678",
    "1155550101 pesos",
    "12345678 unidades",
    "stock 1155550101",
    "@pointe.danza",
    "seguime en @ana.baila",
    "etiqueté a @tueste_cafe",
    "2 @ $500",
    "arroba",
    "nos vemos @ las 10",
    "10 arrobas de café",
    "https://pointe.example/productos/pun-aur",
    "https://shop.example/p/612345678",
    "https://shop.example/p/4539148803436467?v=1",
    "www.tienda.com/item/1155550101",
    "mirá instagram.com/p/123456789012",
    "https://maps.example/@-34.6037,-58.3816,15z",
    "versión 1.2.3",
    "v2.10.15",
    "192.168.100.100",
    "10.0.0.1",
    "n.º 38",
    "nro 41",
    "nº 39 por favor",
    "el 38 me queda chico",
    "mi número de pedido es 4555-0101",
    "mi número de calzado es el 38",
    "40 y medio",
    "EU 38 / US 7.5",
    "talle 8 a 10",
    "t 4 al 16",
    "6 a 8, 10 a 12, S, M, L",
    "5 estrellas",
    "1ra clase",
    "1er par",
    "2do año de ballet",
    "24hs",
    "24/7",
    "50/50",
    "1/2 docena",
    "mesa 12",
    "grado 9",
    "ISBN 9788499890944",
    "código de barras 7790123456789",
    "7790123456789",
    "EAN 7501234567893",
    "IMEI 356938035643809",
    "lote 20241122001",
    "modelo 4455667788",
    "serie 612345678",
    "patente AB123CD",
    "chasis 8AP359A12F3456789",
    "vuelo AR1234",
    "wifi 5G",
    "iPhone 15 Pro Max 256GB",
    "celular de 150000",
    "un celular a 450.000",
    "teléfono inalámbrico 3000",
    "tarjeta de regalo 50000",
    "pago con tarjeta en 3 cuotas",
    "con visa hay 6 cuotas?",
    "tarjeta terminada en 6467",
    "4539148803436468",
    "1234567890123456",
    "0000 0000 0000 0000",
    "ES00 2100 0418 4502 0005 1332",
    "no15 38 39 40",
    "12345678",
    "30123456",
    "30.123.456",
    "1.020.304.050",
    "5123456",
    "20301234564",
    "20-12345678-0",
    "111.111.111-11",
    "123.456.789-00",
    "11.222.333/0001-00",
    "12.345.678-0",
    "pedido 12345678-5",
    "12345678A",
    "12345678 y gracias",
    "X1234567A",
    "XAXX010101000",
    "GODE561231GR7",
    "250 cc",
    "moto 110 cc",
    "cc a Juan",
    "el doc de la nota",
    "documento adjunto",
    "no tengo dni a mano",
    "¿piden DNI para retirar?",
    "tel aviv",
    "¿cuál es su teléfono?",
    "whatsapp?",
    "me llamo Ana",
    "llamame mañana a las 11",
    "llego en 15 20 minutos",
    "15 de agosto",
    "del 11 al 15",
    "son 11 15 2024",
    "quiero el 1, 2 y 3",
    "100 200 300 400",
    "1 2 3 4 5 6 7 8 9 10",
    "99999999",
    "1000000",
    "10000000",
    "1e6",
    "3.14159265",
    "0,75",
    "-34.603722, -58.381592",
    "lat -34.603722",
    "[EMAIL_1]",
    "[foo] bar",
    "{STORE_NAME}",
    "1731234567",
    "1712345678901",
    "uuid 550e8400-e29b-41d4-a716-446655440000",
    "abc123def456",
    "a1b2c3d4e5",
    "36 38 40 42 44",
    "52 54 56 58 60 62",
    "33 34 35 36 37",
    "55 talles",
    "quiero 100 unidades de la 4455 y 200 de la 5566",
    "la 4455, la 5566 y la 7788",
    "4455/5566",
    "referencia 4455-5566",
    "del 4455 al 5566",
    "combo 1 + 2 + 3",
    "+100 unidades",
    "+38",
    "más de +1000000 ventas",
    "5 + 5 = 10",
    "2 + 54",
    "B12345674",
    "el modelo B12345674",
    "pedido B12345674",
    "cif B12345675",
    "0057-00001234",
    "012345678905",
    "del 01/11/2024 al 15/11/2024",
    "entrega 2024-11-22T10:30:00",
    "2024-11-22 10:30:00",
    "22/11/2024 10:30",
    "sale 98.500,00 o 3 x 32.833,33",
    "$98500 $115000 $612345678",
    "presupuesto 1155550101",
    "AR$ 30.123.456,50",
    "pagué 612345678 pesos",
    "SKU PUN-AUR-38-ROSA-612345678",
    "cod. 4539148803436467",
    "la PUN-30123456 en negro",
    "nro. de serie 3001234567",
    "#4555-0101",
    "orden #3515550101 y #3515550102",
    "order no. 5512345678",
    "36-37-38-39-40",
    "38/39/40/41",
    "1.155.550",
    "12.345,67 + 76.543,21",
    "3 docenas de 36 37 38 39",
};

char letter_of(PersonalKind kind) {
    switch (kind) {
        case PersonalKind::email:
            return 'E';
        case PersonalKind::phone:
            return 'P';
        case PersonalKind::card:
            return 'C';
        case PersonalKind::iban:
            return 'I';
        case PersonalKind::national_id:
            return 'N';
    }
    return '?';
}

std::string marked(std::string_view text, NumberTopic asked = NumberTopic::none) {
    std::string out;
    std::size_t done = 0;
    for (const auto& [at, size, kind] : find_personal(text, asked)) {
        out.append(text.substr(done, at - done)).append("{").append(1, letter_of(kind)).append(":");
        out.append(text.substr(at, size)).append("}");
        done = at + size;
    }
    return out.append(text.substr(done));
}

std::string without_marks(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '{' && text.substr(at + 2, 1) == ":") {
            at += 2;
        } else if (text[at] != '}') {
            out += text[at];
        }
    }
    return out;
}

}  // namespace

TEST_CASE("what belongs to a person is found, exactly, as customers write it") {
    CHECK(std::size(personal) >= 150);
    for (const auto expected : personal) {
        const std::string text = without_marks(expected);
        CAPTURE(text);
        CHECK(marked(text) == expected);
    }
}

TEST_CASE("prices, sizes, orders, dates and the like are left alone") {
    CHECK(std::size(nobodys) >= 150);
    for (const auto text : nobodys) {
        CAPTURE(text);
        CHECK(marked(text) == text);
    }
}

TEST_CASE("a number that says nothing by itself is what it was asked for") {
    using Topic = NumberTopic;
    CHECK(marked("30123456", Topic::document) == "{N:30123456}");
    CHECK(marked("30.123.456 y talle 38", Topic::document) == "{N:30.123.456} y talle 38");
    CHECK(marked("4555-0101", Topic::phone) == "{P:4555-0101}");
    CHECK(marked("sí, 45550101", Topic::phone) == "sí, {P:45550101}");
    CHECK(marked("1155550101", Topic::reference) == "1155550101");
    CHECK(marked("11 5555-0101", Topic::reference) == "{P:11 5555-0101}");
    CHECK(marked("1155550101", Topic::none) == "{P:1155550101}");
    CHECK(marked("11 5555-0101 y el pedido es 3001234567", Topic::phone) ==
          "{P:11 5555-0101} y el pedido es 3001234567");
    CHECK(marked("talle 38, $12345678", Topic::document) == "talle 38, $12345678");
    for (const std::string_view sizes : {"36 38 40 42", "36 37 38 39 40", "del 34 al 41", "38", "2 del 38"}) {
        CAPTURE(sizes);
        CHECK(marked(sizes, Topic::phone) == sizes);
    }
    CHECK(marked("$450000 y el pedido 612345678", Topic::phone) == "$450000 y el pedido 612345678");
    CHECK(marked("22/11/2024", Topic::phone) == "22/11/2024");
    CHECK(marked("22-11-2024", Topic::document) == "22-11-2024");
}

TEST_CASE("a number that is known to be a person's is found without a word beside it") {
    const KnownNumbers known{{"45550101", PersonalKind::phone}};
    const auto found = find_personal("llamaron del 4555-0101, talle 4555", NumberTopic::none, known);
    REQUIRE(found.size() == 1);
    CHECK(found[0].kind == PersonalKind::phone);
    CHECK(find_personal("llamaron del 4555-0101").empty());
}

TEST_CASE("a text of any bytes is read, at whatever length") {
    for (const std::string_view piece : {"Ã",
                                         "ÿþ",
                                         "â",
                                         "ð",
                                         "1",
                                         "1 ",
                                         "11-",
                                         "(",
                                         "+",
                                         "@",
                                         "a@",
                                         "a.",
                                         "@a.b",
                                         "dni ",
                                         "1.",
                                         "Ì",
                                         " arroba ",
                                         "ES91 ",
                                         "a1 ",
                                         "6 1 2 ",
                                         "[EMAIL_1] ",
                                         "https://a/1 ",
                                         "aa.aaa.aaa/aaaa-12 "}) {
        std::string text;
        while (text.size() < 60'000) text += piece;
        CAPTURE(piece);
        for (const auto& [at, size, kind] : find_personal(text)) REQUIRE(at + size <= text.size());
        CHECK(find_personal("Ã(" + std::string(piece) + " dni 30123456").size() >= 1);
    }
}

}  // namespace relevo
