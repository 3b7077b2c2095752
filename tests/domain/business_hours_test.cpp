#include "domain/business_hours.hpp"

#include <doctest/doctest.h>

using namespace relevo;

namespace {

std::string read(std::string_view days, std::string_view spans) {
    return open_hours_text(parse_open_hours(days, spans).value());
}

}  // namespace

TEST_CASE("business hours are stated for a day or for days that follow each other, in one span or several") {
    CHECK(read("sat", "10:00-14:00") == "sat 10:00-14:00");
    CHECK(read("mon-wed", "09:00-18:00") == "mon 09:00-18:00, tue 09:00-18:00, wed 09:00-18:00");
    CHECK(read("fri", "09:00-13:00  16:30-20:00") == "fri 09:00-13:00 16:30-20:00");
    CHECK(read("sat-mon", "00:00-24:00") == "sat 00:00-24:00, sun 00:00-24:00, mon 00:00-24:00");
}

TEST_CASE("a span past midnight goes on the next day, and one that ends at midnight does not") {
    CHECK(parse_open_hours("sun", "22:00-02:00").value() ==
          std::vector<OpenHours>{{7, 22 * 60, 24 * 60}, {1, 0, 2 * 60}});
    CHECK(parse_open_hours("tue", "22:00-00:00").value() == std::vector<OpenHours>{{2, 22 * 60, 24 * 60}});
}

TEST_CASE("what is no day or no time is refused with what would be right") {
    for (const auto* days : {"", "lun", "mon-", "-mon", "mon-fri-sat", "MON", "mon tue"}) {
        CAPTURE(days);
        const auto hours = parse_open_hours(days, "09:00-18:00");
        REQUIRE_FALSE(hours.has_value());
        CHECK(hours.error().code == "hours.invalid");
        CHECK(hours.error().text.find("mon-fri") != std::string::npos);
    }
    for (const auto* spans : {"", " ", "9:00-18:00", "09:00", "09:00-09:00", "24:00-01:00", "09:60-10:00",
                              "09:00-24:01", "09.00-18.00", "09:00-18:00,19:00-20:00", "aa:bb-cc:dd"}) {
        CAPTURE(spans);
        CHECK_FALSE(parse_open_hours("mon", spans).has_value());
    }
    CHECK(open_hours_text({}) == "");
}
