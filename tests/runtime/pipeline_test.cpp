#include "runtime/pipeline.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <fstream>

namespace relevo {
namespace {

namespace fs = std::filesystem;

class File {
  public:
    explicit File(const std::string& text)
        : path(fs::temp_directory_path() / ("relevo-pipeline-" + std::to_string(::getpid()) + ".yaml")) {
        std::ofstream(path) << text;
    }
    ~File() { fs::remove(path); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    const fs::path path;
};

// What is wrong with it, without the file's name: "line:column: text".
std::string refusal(const std::string& text) {
    const File file(text);
    const auto spec = load_pipeline(file.path);
    REQUIRE_FALSE(spec.has_value());
    CHECK(spec.error().fault == Fault::permanent);
    CHECK(spec.error().code == "pipeline.invalid");
    const std::string name = file.path.string() + ":";
    REQUIRE(spec.error().text.starts_with(name));
    return spec.error().text.substr(name.size());
}

const std::string head = "pipeline: test\ntopics:\n  in: {partitions: 3}\n  out: {}\nstages:\n";

}  // namespace

TEST_CASE("the pipeline of the product loads") {
    const auto spec = load_pipeline(fs::path(RELEVO_SOURCE_DIR) / "pipelines/conversation.yaml");
    REQUIRE(spec.has_value());
    CHECK(spec->name == "conversation");
    CHECK(spec->topics.size() == 7);
    REQUIRE(spec->find_stage("buffer"));
    CHECK(spec->find_stage("buffer")->lane == Lanes::Policy::burst);
    CHECK(spec->find_stage("relay")->lane == Lanes::Policy::one);
    CHECK(spec->find_stage("wake")->input == timers_input);
    CHECK_FALSE(spec->find_stage("nobody"));
    for (const auto& stage : spec->stages) {
        // nothing stays unsettled for longer than two minutes
        CHECK(stage.retry.park_after <= Millis{90'000});
        CHECK(stage.limits.running_per_tenant < stage.limits.running);
    }
}

TEST_CASE("a file says as much as it wants, the rest has defaults") {
    const File file(head +
                    "  a: {group: g, input: in, limits: {running: 10, bytes: 1MiB}, retry: {first: 50ms}}\n");
    const auto spec = load_pipeline(file.path);
    REQUIRE(spec.has_value());
    const StageSpec& stage = spec->stages.front();
    CHECK(stage.limits.running == 10);
    CHECK(stage.limits.running_per_tenant == 5);
    CHECK(stage.limits.bytes == 1 << 20);
    CHECK(stage.retry.first == Millis{50});
    CHECK(stage.retry.max == Millis{10'000});
    CHECK(spec->find_topic("in")->partitions == 3);
    CHECK(spec->find_topic("out")->partitions == 12);
}

TEST_CASE("an unknown key is refused with its place, and the known ones are named") {
    const auto text = refusal(head + "  a:\n    group: g\n    input: in\n    retires: 3\n");
    CHECK(text.starts_with("9:5: unknown key 'retires'"));
    CHECK(text.find("retry") != std::string::npos);
}

TEST_CASE("one mistake hides no other, and they come in the order of the file") {
    const auto text = refusal(
        "pipeline: test\ntopics:\n  in: {partitions: many}\n  out: {retention: 60d}\nstages:\n"
        "  a: {group: g, input: nowhere, outputs: [out]}\n"
        "  b: {group: g, input: in, lane: two}\n"
        "  c: {group: h, input: out, outputs: [out]}\n");
    std::vector<std::string> places;
    for (std::size_t at = 0; at != text.npos; at = text.find(".yaml:", at + 1)) {
        places.push_back(text.substr(at + (at == 0 ? 0 : 6), 2));
    }
    CHECK(places == std::vector<std::string>{"3:", "4:", "6:", "7:", "7:", "8:"});
    CHECK(text.find("topic 'in'") == text.npos);  // it is declared, if wrongly
}

TEST_CASE("a topic that nobody declares is refused with its place") {
    CHECK(refusal(head + "  a:\n    group: g\n    input: inn\n")
              .starts_with("8:12: topic 'inn' is not declared"));
    CHECK(refusal(head + "  a:\n    group: g\n    input: in\n    outputs: [out, oot]\n")
              .starts_with("9:20: topic 'oot' is not declared"));
}

TEST_CASE("a group of two stages is refused with its place") {
    CHECK(refusal(head + "  a: {group: g, input: in}\n  b: {group: g, input: out}\n")
              .starts_with("7:14: group 'g' belongs to another stage"));
}

TEST_CASE("a cycle is refused with its place, unless it is declared as one") {
    const std::string cycle =
        head + "  a: {group: g, input: in, outputs: [out]}\n  b: {group: h, input: out, outputs: [in]}\n";
    CHECK(refusal(cycle).starts_with("6:6: records would go in a circle: a -> b -> a"));
    const File declared(cycle + "cycles: [[b, a]]\n");
    CHECK(load_pipeline(declared.path).has_value());
}

TEST_CASE("a stage that feeds itself is a cycle") {
    CHECK(refusal(head + "  a: {group: g, input: in, outputs: [in]}\n").find("a -> a") != std::string::npos);
}

TEST_CASE("what was parked may come back without being a cycle") {
    const File file(head + "  a: {group: g, input: in}\n  wake: {group: w, input: timers, outputs: [in]}\n");
    CHECK(load_pipeline(file.path).has_value());
}

TEST_CASE("missing, doubled and impossible values are refused with their place") {
    CHECK(refusal(head + "  a: {input: in}\n").starts_with("6:6: key 'group' is missing"));
    CHECK(refusal(head + "  a: {group: g, group: h, input: in}\n")
              .starts_with("6:17: key 'group' is there twice"));
    CHECK(refusal(head + "  a: {group: g, input: in, workers: 0}\n")
              .starts_with("6:37: expected a number from 1"));
    CHECK(refusal(head + "  a: {group: g, input: in, workers: many}\n").starts_with("6:37: "));
    CHECK(refusal(head + "  a: {group: g, input: in, lane: both}\n")
              .starts_with("6:34: expected 'one' or 'burst'"));
    CHECK(refusal(head + "  a: {group: g, input: in, retry: {first: 5}}\n")
              .starts_with("6:43: expected a duration"));
    CHECK(refusal(head + "  a: {group: g, input: in, retry: {park_after: 3m}}\n")
              .starts_with("6:48: at most 90s"));
    CHECK(refusal("pipeline: [\n").starts_with("2:1: "));
}

TEST_CASE("the topic of erasures is kept for ever, and none with a stage needs to be") {
    const auto spec = load_pipeline(fs::path(RELEVO_SOURCE_DIR) / "pipelines/erasures.yaml");
    REQUIRE(spec.has_value());
    REQUIRE(spec->topics.size() == 1);
    CHECK(spec->topics.front().retention == kept_forever);
    CHECK(spec->topics.front().partitions == 1);
    CHECK(spec->stages.empty());
}

TEST_CASE("two stages of one name are refused") {
    CHECK(refusal(head + "  a: {group: g, input: in}\n  a: {group: h, input: in}\n")
              .starts_with("7:3: stage 'a' is there twice"));
}

TEST_CASE("a file that is not there is named") {
    const auto spec = load_pipeline("/nowhere/pipeline.yaml");
    REQUIRE_FALSE(spec.has_value());
    CHECK(spec.error().text == "/nowhere/pipeline.yaml: cannot be read");
}

}  // namespace relevo
