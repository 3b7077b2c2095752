#include "core/record.hpp"

#include <doctest/doctest.h>

namespace relevo {

TEST_CASE("a key takes turns under what stands before its first colon") {
    CHECK(fairness_key("17:0a1b") == "17");
    CHECK(fairness_key("whatsapp/1065:549:1") == "whatsapp/1065");
    CHECK(fairness_key("alone") == "alone");
    CHECK(fairness_key("") == "");
}

}  // namespace relevo
