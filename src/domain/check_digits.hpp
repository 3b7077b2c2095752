#pragma once

#include <string_view>

namespace relevo {

// Numbers of persons and their money, as their issuers make them. All take the number without what stands
// between its digits, letters in upper case; nothing else than such a number is one.

/// 13 to 19 digits of a card's brand, with Luhn's check digit (ISO/IEC 7812-1).
bool is_card(std::string_view digits);
/// Luhn's check digit alone: of a number that its owner calls a card.
bool has_luhn_digit(std::string_view digits);
/// ISO 13616: the country's length, and mod 97.
bool is_iban(std::string_view text);
/// The length of the country's IBANs, or 0.
std::size_t iban_length(std::string_view country);

/// Argentina: CUIT and CUIL.
bool is_cuit(std::string_view digits);
/// Brazil.
bool is_cpf(std::string_view digits);
/// Brazil; since July 2026 with letters in all places but the last two.
bool is_cnpj(std::string_view text);
/// Chile: RUT and RUN; `check` is a digit or K.
bool is_rut(std::string_view digits, char check);
/// Colombia: with its check digit.
bool is_nit(std::string_view digits);
/// Mexico: of persons.
bool is_curp(std::string_view text);
/// Mexico: of persons and of companies; Ñ is written ~.
bool is_rfc(std::string_view text);
/// Spain: DNI, eight digits and a letter, and NIE, which begins with X, Y or Z.
bool is_dni_or_nie(std::string_view text);
/// Spain: CIF, of companies, which ends with a digit or, by its first letter, with one for it.
bool is_cif(std::string_view text);

}  // namespace relevo
