#include "api/yaml_json.hpp"

#include <doctest/doctest.h>

#include "core/error.hpp"

using namespace relevo;

TEST_CASE("YAML becomes JSON by the core schema") {
    CHECK(json_of_yaml("{a: 1, b: '1', c: true, d: \"true\", e: null, f: [1.5, x], g: 1.0.0}", "f") ==
          R"({"a":1,"b":"1","c":true,"d":"true","e":null,"f":[1.5,"x"],"g":"1.0.0"})");
    CHECK(json_of_yaml("a: |\n  two\n  lines\n'204': {}\n", "f") == R"({"a":"two\nlines\n","204":{}})");
}

TEST_CASE("what is no YAML, or says a name twice, is refused with its place") {
    CHECK_THROWS_WITH_AS(json_of_yaml("a: [1", "f.yaml"), doctest::Contains("api.bad_document: f.yaml:"),
                         Failure);
    CHECK_THROWS_WITH_AS(json_of_yaml("a: 1\nb: {c: 1, c: 2}", "f.yaml"),
                         doctest::Contains("f.yaml:2:11: 'c' twice"), Failure);
}
