#pragma once

#include <string_view>

namespace relevo {

/// What the words around a number say that it is.
/// reference  of an order, a parcel, a product: no person's
/// amount     of money or of anything
enum class NumberTopic { none, phone, document, card, reference, amount };

/// A topic that says whose the number is, or how it is paid.
inline bool is_personal(NumberTopic topic) {
    return topic == NumberTopic::phone || topic == NumberTopic::document || topic == NumberTopic::card;
}

/// By the words before `at`: "mi dni es ", "Tel.: ", "pedido nro. ", "$".
NumberTopic topic_before(std::string_view text, std::size_t at);
/// By the words behind `end`: " es mi celular", " (dni)", " pesos".
NumberTopic topic_after(std::string_view text, std::size_t end);
/// What kind of number somebody who says this wants to be told: "¿Me pasás tu DNI para el envío?".
NumberTopic topic_asked(std::string_view text);

}  // namespace relevo
