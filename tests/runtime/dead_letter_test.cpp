#include "runtime/dead_letter.hpp"

#include <doctest/doctest.h>

#include "tests/runtime/envelopes.hpp"

namespace relevo {

TEST_CASE("a dead letter has what an operator needs to find, read and redrive the record") {
    Envelope record = make_envelope("7:a", 41, from_millis(0), "{\"x\":1}", "id", 3);
    record.headers.traceparent = "00-aa-bb-01";
    record.headers.expires = from_millis(1'700'000'000'000);
    const DeadLetter letter =
        make_dead_letter(record, "infer", {Fault::permanent, "model.bad_key", "401"}, 2);
    CHECK(letter.topic == "input");
    CHECK(letter.partition == 3);
    CHECK(letter.offset == Offset{41});
    CHECK(letter.key == "7:a");
    CHECK(letter.value == "{\"x\":1}");
    CHECK(letter.stage == "infer");
    CHECK(letter.code == "model.bad_key");
    CHECK(letter.text == "401");
    CHECK(letter.attempts == 2);
    CHECK(letter.headers ==
          R"({"ce_id":"id","traceparent":"00-aa-bb-01","expires":"2023-11-14T22:13:20.000Z"})");
}

TEST_CASE("a record of any bytes can be buried: its value as it was, its headers as JSON") {
    const std::string bytes("\xFF\x00\xFE", 3);
    Envelope record = make_envelope("k", 0, from_millis(0), bytes, "\xFF");
    const DeadLetter letter = make_dead_letter(record, "resolve", {}, 1);
    CHECK(letter.value == bytes);
    CHECK(letter.headers == "{\"ce_id\":\"\xEF\xBF\xBD\"}");
}

}  // namespace relevo
