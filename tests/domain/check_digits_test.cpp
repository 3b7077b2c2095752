#include "domain/check_digits.hpp"

#include <doctest/doctest.h>

#include <string>

namespace relevo {
namespace {

// Of all that end with another digit or letter only the given one is right.
template <class Valid>
int right_ones(std::string number, std::string_view ends, const Valid& valid) {
    int count = 0;
    for (const char end : ends) {
        number.back() = end;
        count += valid(number) ? 1 : 0;
    }
    return count;
}

constexpr std::string_view figures = "0123456789";

}  // namespace

TEST_CASE("the published examples of each number are right, and with another last digit wrong") {
    CHECK(is_card("4111111111111111"));
    CHECK(is_card("378282246310005"));
    CHECK(is_card("30569309025904"));
    CHECK(right_ones("4111111111111111", figures, is_card) == 1);
    CHECK(is_iban("ES9121000418450200051332"));
    CHECK(is_iban("BR1800360305000010009795493C1"));
    CHECK(is_iban("GB82WEST12345698765432"));
    CHECK(right_ones("ES9121000418450200051332", figures, is_iban) == 1);
    CHECK(is_cuit("20123456786"));
    CHECK(right_ones("20123456786", figures, is_cuit) == 1);
    CHECK(is_cpf("52998224725"));
    CHECK(right_ones("52998224725", figures, is_cpf) == 1);
    CHECK(is_cnpj("11222333000181"));
    CHECK(is_cnpj("12ABC34501DE35"));
    CHECK(right_ones("12ABC34501DE35", figures, is_cnpj) == 1);
    CHECK(is_rut("76086428", '5'));
    CHECK(is_rut("12345678", '5'));
    CHECK_FALSE(is_rut("12345678", 'K'));
    CHECK(is_nit("8001972684"));
    CHECK(is_nit("8600029644"));
    CHECK(right_ones("8001972684", figures, is_nit) == 1);
    CHECK(is_curp("HEGG560427MVZRRL04"));
    CHECK(is_curp("SABC560626MDFLRN01"));
    CHECK(right_ones("HEGG560427MVZRRL04", figures, is_curp) == 1);
    CHECK(is_rfc("GODE561231GR8"));
    CHECK(is_rfc("SAT970701NN3"));
    CHECK(right_ones("SAT970701NN3", "0123456789A", is_rfc) == 1);
    CHECK(is_dni_or_nie("12345678Z"));
    CHECK(is_dni_or_nie("X1234567L"));
    CHECK(is_cif("A58818501"));
    CHECK(is_cif("Q2826000H"));
    CHECK(right_ones("A58818501", "0123456789ABCDEFGHIJ", is_cif) == 1);
    CHECK(right_ones("Q2826000H", "0123456789ABCDEFGHIJ", is_cif) == 1);
    CHECK(right_ones("G1234567?", "0123456789ABCDEFGHIJ", is_cif) == 2);
    CHECK(right_ones("12345678Z", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", is_dni_or_nie) == 1);
}

TEST_CASE("what has the form of a number and is nobody's is none") {
    CHECK_FALSE(is_cpf("11111111111"));
    CHECK_FALSE(is_cnpj("00000000000000"));
    CHECK_FALSE(is_card("0000000000000000"));
    CHECK_FALSE(is_card("7111111111111118"));  // Luhn's digit is right, no brand begins so
    CHECK_FALSE(is_rfc("GODE561331GR8"));      // the 31st of a 13th month
    CHECK_FALSE(is_curp("HEGG560427AVZRRL04"));
    CHECK(iban_length("XX") == 0);
    CHECK(iban_length("") == 0);
}

TEST_CASE("texts of other lengths and letters are none of them") {
    for (const std::string_view text :
         {"", "1", "A", "ES91", "12345678", "~~~~~~~~~~~~~", "\xC3\xC3\xC3\xC3\xC3\xC3\xC3\xC3\xC3",
          "1234567890123456789012345678901234567890"}) {
        CAPTURE(text);
        CHECK_FALSE(is_card(text));
        CHECK_FALSE(is_iban(text));
        CHECK_FALSE(is_cuit(text));
        CHECK_FALSE(is_cpf(text));
        CHECK_FALSE(is_cnpj(text));
        CHECK_FALSE(is_rut(text, '4'));
        CHECK_FALSE(is_nit(text));
        CHECK_FALSE(is_curp(text));
        CHECK_FALSE(is_rfc(text));
        CHECK_FALSE(is_dni_or_nie(text));
        CHECK_FALSE(is_cif(text));
    }
}

}  // namespace relevo
